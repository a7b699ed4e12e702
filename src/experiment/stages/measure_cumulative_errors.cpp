#include <algorithm>
#include <utility>

#include "evaluation/cumulative_error.hpp"

#include "experiment/stages/stages.hpp"

namespace comq {

namespace {

/** Those held out, which fitted nothing, then those that calibration fits to. */
std::vector<int64_t> compared_images(const RunContext& context) {
    const CalibrationImages& images = context.images.calibration;
    std::vector<int64_t> compared = images.held_out;
    compared.insert(compared.end(), images.fitted.begin(), images.fitted.end());
    compared.resize(std::min(compared.size(),
                             static_cast<std::size_t>(context.config.evaluation.layer_images)));
    return compared;
}

void measure_cumulative_errors(RunContext& context) {
    auto images = compared_images(context);
    if (!context.ranks.root() || images.empty()) return;
    context.times.timed("cumulative errors", [&] {
        // Calibration has counted those that can't be read.
        BadImages bad(context.config.data.max_bad_images);
        const auto pass = context.calibration_pass(bad).over(std::move(images));
        const auto errors =
            cumulative_errors(*context.full_precision_network(), *context.model.network, pass,
                              context.input_rounding ? &*context.input_rounding : nullptr);
        for (LayerRecord& layer : context.record.layers) {
            const auto found = errors.find(layer.name);
            if (found != errors.end()) layer.cumulative_error = found->second;
        }
    });
}

Cost cost_of_comparison(const Probe& probe) {
    const double images = std::min(static_cast<double>(probe.config.evaluation.layer_images),
                                   probe.calibration_images());
    Cost cost;
    cost.seconds.evaluation = probe.seconds_of(2.0 * images);
    cost.memory_bytes = probe.activation_bytes();
    return cost;
}

}  // namespace

const Stage measure_cumulative_errors_stage{.name = "measure cumulative errors",
                                            .takes_part =
                                                [](const ExperimentConfig& config) {
                                                    return config.quantizes_weights() &&
                                                           config.evaluation.layer_images > 0;
                                                },
                                            .cost = cost_of_comparison,
                                            .run = measure_cumulative_errors};

}  // namespace comq
