#include "points/seed_use.hpp"

#include "quantization/method.hpp"

namespace comq {

namespace {

/** Whether the seed decides which rows a layer has, or how they count. */
bool draws_rows(const CalibrationConfig& calibration) {
    return calibration.selection == Selection::random ||
           calibration.transform == CalibrationTransform::train || calibration.rows_per_image ||
           calibration.weighting == Weighting::row_importance;
}

/** Whether anything but the errors of layers depends on calibration images. */
bool reads_rows(const ExperimentConfig& config) {
    const auto& repair = config.repair;
    const bool by_codes =
        config.quantizes_weights() && (codes_depend_on_rows(config.quantization) ||
                                       config.calibration.inputs == CalibrationInputs::quantized);
    return by_codes || config.activations.calibrated() || repair.bias_correction ||
           repair.output_refit || repair.norm_refit;
}

/** Whether repairs draw images, or batches of them, of their own. */
bool repairs_draw(const RepairConfig& repair) {
    return repair.reestimate_batch_norm || repair.norm_tuning != NormTuning::none || repair.images;
}

}  // namespace

bool depends_on_seed(const ExperimentConfig& config) {
    return config.evaluation.images || repairs_draw(config.repair) ||
           (draws_rows(config.calibration) && reads_rows(config));
}

}  // namespace comq
