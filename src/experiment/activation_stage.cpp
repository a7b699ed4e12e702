#include "experiment/activation_stage.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "activations/find_ranges.hpp"
#include "experiment/layer_plan.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

TensorMap to_map(const InputRanges& ranges) {
    TensorMap tensors;
    for (const auto& [layer, range] : ranges) {
        tensors[layer + "/minimum"] = to_host(range.minimum);
        tensors[layer + "/maximum"] = to_host(range.maximum);
    }
    return tensors;
}

const char* name_of(ActivationGranularity granularity) {
    switch (granularity) {
        case ActivationGranularity::per_tensor:
            return "per tensor";
        case ActivationGranularity::per_channel:
            return "per channel";
        case ActivationGranularity::per_token:
            return "per token";
    }
    return "";
}

}  // namespace

ActivationStage::ActivationStage(const ExperimentConfig& config, const LoadedModel& model,
                                 const RunImages& images, torch::Device device)
    : config_(config), model_(model), images_(images), device_(device) {
    if (active()) layers_ = plan_layers(*model.network, config.quantization).entries();
}

void ActivationStage::find(RunJournal& journal, BadImages& bad, const std::atomic<bool>& stop) {
    if (config_.activations.calibrated()) ranges_ = ranges(journal, bad, stop);
    tap_.emplace(layers_, ranges_, config_.activations, device_);
    spdlog::info("{}", activation_text(config_, layers_.size()));
}

InputRanges ActivationStage::ranges(RunJournal& journal, BadImages& bad,
                                    const std::atomic<bool>& stop) const {
    if (const auto stored = journal.tensors(TensorSet::input_ranges)) {
        InputRanges ranges;
        for (const auto& entry : layers_) {
            const std::string& layer = entry.layer->name();
            ranges[layer] = {to_torch(stored->at(layer + "/minimum")),
                             to_torch(stored->at(layer + "/maximum"))};
        }
        return ranges;
    }
    auto ranges = find_ranges(*model_.network, layers_, config_.activations,
                              calibration_pass(config_, model_, images_, device_, bad, stop));
    journal.store_tensors(TensorSet::input_ranges, to_map(ranges));
    return ranges;
}

std::vector<ActivationRecord> ActivationStage::records() const {
    std::vector<ActivationRecord> records;
    for (const auto& entry : layers_) {
        ActivationRecord& record = records.emplace_back();
        record.layer = entry.layer->name();
        record.bits = *config_.activations.bits;
        const auto found = ranges_.find(record.layer);
        if (found == ranges_.end()) continue;
        record.minimum = to_host(found->second.minimum);
        record.maximum = to_host(found->second.maximum);
    }
    return records;
}

std::string activation_text(const ExperimentConfig& config, std::size_t layers) {
    const ActivationConfig& activations = config.activations;
    std::string ranges = "found while the network runs";
    if (activations.calibrated()) {
        ranges = activations.range == RangeChoice::minmax
                     ? "all values"
                     : fmt::format("percentile {}", activations.percentile);
        ranges += fmt::format(" of {} calibration images", config.calibration.images);
    }
    return fmt::format("inputs of {} layers are rounded to {} bits, {}{}; ranges: {}", layers,
                       *activations.bits, name_of(activations.granularity),
                       activations.symmetric ? ", symmetric" : "", ranges);
}

}  // namespace comq
