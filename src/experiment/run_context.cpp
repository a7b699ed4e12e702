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
      bad_calibration(config.data.max_bad_images) {
    const auto allowed = config.data.max_bad_images;
    sets.emplace_back(main_set, *images.evaluation_source, images.evaluation,
                      SetKeys{keys.evaluation_images, keys.full_precision}, allowed);
    for (std::size_t i = 0; i < images.sets.size(); ++i) {
        const SetImages& set = images.sets[i];
        sets.emplace_back(set.name, *set.source, set.indices, keys.sets[i], allowed);
    }
    spdlog::info("images: {} ({})", model.description->preprocessing.describe(),
                 model.description->preprocessing_origin);
    for (const auto& what : model.network->unquantizable()) {
        spdlog::info("{} stays in full precision: {}", what.name, what.reason);
    }
}

ImagePass RunContext::calibration_pass(BadImages& bad) const {
    ImagePass pass{{images.calibration_source.get(), images.calibration.fitted,
                    model.description->preprocessing, config.calibration.batch_size,
                    config.calibration.views, config.seed},
                   device,
                   bad,
                   stop};
    if (config.calibration.transform == CalibrationTransform::train) {
        pass.augmentation_seed = config.seed;
    }
    return pass;
}

ImagePass RunContext::evaluation_pass(EvaluatedSet& set) const {
    return {
        {&set.source, set.indices, model.description->preprocessing, config.evaluation.batch_size},
        device,
        set.bad,
        stop};
}

Evaluations& RunContext::evaluations(const EvaluatedSet& set) {
    if (set.is_main()) return record;
    return *std::ranges::find(record.sets, set.name, &SetRecord::name);
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
