#include "experiment/run_context.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "core/errors.hpp"
#include "core/interrupt.hpp"
#include "experiment/quantize_layer.hpp"
#include "torch_bridge/runtime.hpp"

namespace comq {

RunContext::RunContext(const ExperimentConfig& experiment)
    : config(experiment),
      ranks(communicator()),
      stop(interrupt_requested()),
      device(parse_device(config.device)),
      model(load_model(config.model, device)),
      images(open_images(config)),
      keys(run_keys(config, model, images)),
      plan(config.quantizes_weights() ? plan_layers(*model.network, config.quantization)
                                      : LayerPlan{}),
      cache(config.resources.cache, config.resources.cache_limit_bytes),
      bad_calibration(config.data.max_bad_images),
      bad_evaluation(config.data.max_bad_images) {
    spdlog::info("images: {} ({})", model.description->preprocessing.describe(),
                 model.description->preprocessing_origin);
    for (const auto& what : model.network->unquantizable()) {
        spdlog::info("{} stays in full precision: {}", what.name, what.reason);
    }
}

ImagePass RunContext::calibration_pass(BadImages& bad) const {
    ImagePass pass{{images.calibration_source.get(), images.calibration.fitted,
                    model.description->preprocessing, config.calibration.batch_size},
                   device,
                   bad,
                   stop};
    if (config.calibration.transform == CalibrationTransform::train) {
        pass.augmentation_seed = config.seed;
    }
    return pass;
}

ImagePass RunContext::evaluation_pass() {
    return {{images.evaluation_source.get(), images.evaluation, model.description->preprocessing,
             config.evaluation.batch_size},
            device,
            bad_evaluation,
            stop};
}

StatisticsSource& RunContext::statistics() {
    if (!statistics_) statistics_ = std::make_unique<StatisticsSource>(*this);
    return *statistics_;
}

void install_finished_layers(RunContext& context) {
    for (const auto& planned : context.plan.layers) {
        auto finished = context.journal->layer(planned.entry.layer->name());
        install_weight(*planned.entry.layer, *finished);
        context.record.layers.push_back(std::move(*finished));
    }
}

void check_bad_images(RunContext& context, const BadImages& bad) {
    const auto all = context.ranks.sum(bad.count());
    const auto allowed = context.config.data.max_bad_images;
    if (all <= allowed) return;
    throw InputError(
        "{} images could not be read by all ranks together; data.max_bad_images allows {}", all,
        allowed);
}

void report_bad_images(const BadImages& bad) {
    for (const auto& reason : bad.reasons()) spdlog::warn("left out: {}", reason);
}

}  // namespace comq
