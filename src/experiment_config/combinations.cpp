#include "experiment_config/combinations.hpp"

namespace comq {

namespace {

class CombinationCheck {
  public:
    CombinationCheck(const LoadedConfig& loaded, const YamlPosition& whole,
                     ConfigProblems& problems)
        : loaded_(loaded), config_(loaded.config), whole_(whole), problems_(problems) {}

    void run() {
        check_network_given();
        check_preprocessing();
        check_paths_given();
        check_weighted_rows();
        check_quantized_inputs();
        check_residual_targets();
        check_output_coupling();
        check_passes();
        check_average_bits();
        check_sensitivity();
        check_rotation();
        check_repairs();
    }

  private:
    void add(const std::string& key, const std::string& problem) {
        const auto given = loaded_.given.find(key);
        problems_.add(given == loaded_.given.end() ? whole_ : given->second, key, problem);
    }

    void check_network_given() {
        const auto& model = config_.model;
        if (model.name.empty() && model.program.empty()) {
            add("model.name",
                "is required: the name of a model, unless model.program names a .pt2 file of "
                "torch.export.save");
        }
        if (!model.name.empty() && !model.program.empty()) {
            add("model.program",
                "model.name names another network; take out one of them (model.name=null)");
        }
    }

    void check_preprocessing() {
        const auto& given = config_.model.preprocessing;
        if (given.resize && given.crop_pct) {
            add("model.preprocessing.crop_pct",
                "model.preprocessing.resize says how long images become; take out one of them");
        }
        if (given.crop && given.input_size) {
            add("model.preprocessing.input_size",
                "model.preprocessing.crop says how large images are; take out one of them");
        }
    }

    void check_paths_given() {
        if (config_.data.embedded()) return;
        const std::string required = "is required unless data.layout is demo";
        if (config_.data.evaluation.empty()) add("data.evaluation", required);
        if (config_.reads_calibration_images() && config_.data.calibration.empty()) {
            add("data.calibration", required);
        }
    }

    void check_weighted_rows() {
        const auto& calibration = config_.calibration;
        if (calibration.weighting == Weighting::none || !calibration.rows_per_image) return;
        add("calibration.weighting",
            "all rows of an image are weighted, so it does not go with "
            "calibration.rows_per_image; take out one of them");
    }

    void check_quantized_inputs() {
        const auto& calibration = config_.calibration;
        if (calibration.inputs != CalibrationInputs::quantized) return;
        const auto refuse = [&](const std::string& what) {
            add("calibration.inputs", "quantized inputs do not go with " + what);
        };
        if (calibration.rows_per_image) refuse("calibration.rows_per_image");
        if (calibration.precision != Precision::float32) refuse("calibration.precision");
        if (!calibration.propagation && calibration.holdout == 0) {
            add("calibration.propagation",
                "without a strength the best is chosen on held-out images; give one, or set "
                "calibration.holdout");
        }
    }

    void check_residual_targets() {
        const auto& calibration = config_.calibration;
        if (!calibration.residual_targets) {
            if (calibration.residual_strength) {
                add("calibration.residual_strength",
                    "no layer has a residual target; set calibration.residual_targets, or take "
                    "this out");
            }
            return;
        }
        if (calibration.inputs != CalibrationInputs::quantized) {
            add("calibration.residual_targets",
                "a stream loses something only in a network whose earlier layers are quantized; "
                "set calibration.inputs=quantized");
        }
        if (calibration.residual_strength) return;
        if (calibration.holdout == 0) {
            add("calibration.residual_strength",
                "without a strength the best is chosen on held-out images; give one, or set "
                "calibration.holdout");
        }
        if (calibration.propagation_criterion != PropagationCriterion::logits) {
            add("calibration.residual_strength",
                "without a strength the best is chosen by predictions; give one, or set "
                "calibration.propagation_criterion=logits");
        }
    }

    void check_output_coupling() {
        const auto& calibration = config_.calibration;
        if (calibration.output_coupling == 0.0) return;
        if (calibration.weighting == Weighting::none) {
            add("calibration.output_coupling",
                "couplings come from the gradients that weight rows; set "
                "calibration.weighting=fisher");
        }
        if (calibration.inputs != CalibrationInputs::quantized) {
            add("calibration.output_coupling",
                "layers are coupled one after the other; set calibration.inputs=quantized");
        }
        if (config_.quantization.granularity == Granularity::per_layer) {
            add("calibration.output_coupling",
                "channels are solved a few at a time, so they can't share one scale; set "
                "quantization.granularity=per_channel");
        }
    }

    void check_passes() {
        const auto& calibration = config_.calibration;
        if (calibration.passes == 1) return;
        if (calibration.inputs != CalibrationInputs::quantized) {
            add("calibration.passes",
                "in a second pass only layers fitted to quantized inputs see anything new; set "
                "calibration.inputs=quantized");
        }
        if (calibration.holdout == 0) {
            add("calibration.passes",
                "whether a layer keeps what a second pass finds is judged on held-out images; set "
                "calibration.holdout");
        }
    }

    void check_average_bits() {
        if (!config_.bits_are_chosen_by(BitsCriterion::layer_error)) return;
        if (config_.calibration.inputs == CalibrationInputs::quantized) {
            add("quantization.average_bits",
                "errors are measured on full-precision inputs, so it does not go with "
                "calibration.inputs=quantized; take out one of them, or set "
                "quantization.bits_criterion=predictions");
        }
    }

    void check_sensitivity() {
        if (config_.sensitivity_bits().empty()) return;
        const bool chosen = config_.bits_are_chosen_by(BitsCriterion::predictions);
        if (config_.calibration.holdout == 0) {
            add(chosen ? "quantization.bits_criterion" : "sensitivity.bits",
                fmt::format("divergences are measured on held-out images; set "
                            "calibration.holdout{}",
                            chosen ? ", or quantization.bits_criterion=layer_error" : ""));
        }
        if (chosen && config_.sensitivity.unit == SensitivityUnit::block) {
            add("sensitivity.unit",
                "widths are chosen by layer, so quantization.bits_criterion=predictions needs "
                "sensitivity.unit=layer");
        }
    }

    void check_rotation() {
        const auto& rotation = config_.rotation;
        if (rotation.seeds == 1) return;
        if (!rotation.any()) {
            add("rotation.seeds",
                "there is nothing to rotate; set rotation.residual, values, "
                "query_key or equalization");
        } else if (config_.calibration.holdout == 0) {
            add("rotation.seeds",
                "the best rotation is chosen on held-out images; set calibration.holdout");
        }
    }

    void check_repairs() {
        const auto& repair = config_.repair;
        if (repair.fold_batch_norm && repair.reestimate_batch_norm) {
            add("repair.reestimate_batch_norm",
                "a folded BatchNorm has no statistics left to estimate; set it or "
                "repair.fold_batch_norm to false");
        }
        if ((repair.output_refit || repair.norm_refit) && config_.calibration.holdout == 0) {
            add(repair.output_refit ? "repair.output_refit" : "repair.norm_refit",
                "how far a refit goes is chosen on held-out images; set calibration.holdout");
        }
        if (repair.early_stop && config_.calibration.holdout == 0) {
            add("repair.early_stop",
                "the best epoch is chosen on held-out images; set calibration.holdout");
        }
        if (repair.block_reconstruction != BlockLoss::none && config_.calibration.holdout == 0) {
            add("repair.block_reconstruction",
                "whether a block is better is measured on held-out images; set "
                "calibration.holdout");
        }
        if (repair.tune_codes && !repair.tune_grids) {
            add("repair.tune_codes", "codes are trained with their grids; set repair.tune_grids");
        }
        if (repair.mixtures && repair.norm_tuning == NormTuning::labels) {
            add("repair.mixtures",
                "a mixture has no label; set repair.norm_tuning to "
                "full_precision_logits or full_precision_blocks");
        }
        if (repair.norm_tuning == NormTuning::none) {
            for (const auto& [key, set] : {std::pair{"repair.tune_grids", repair.tune_grids},
                                           std::pair{"repair.crops", repair.crops},
                                           std::pair{"repair.mixtures", repair.mixtures},
                                           std::pair{"repair.early_stop", repair.early_stop}}) {
                if (set) add(key, "nothing is tuned; set repair.norm_tuning");
            }
        }
    }

    const LoadedConfig& loaded_;
    const ExperimentConfig& config_;
    const YamlPosition& whole_;
    ConfigProblems& problems_;
};

}  // namespace

void check_combinations(const LoadedConfig& loaded, const YamlPosition& whole,
                        ConfigProblems& problems) {
    CombinationCheck(loaded, whole, problems).run();
}

}  // namespace comq
