#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "activations/find_ranges.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/stages/stages.hpp"
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
    using enum ActivationGranularity;
    return granularity == per_tensor    ? "per tensor"
           : granularity == per_channel ? "per channel"
                                        : "per token";
}

InputRanges from_map(const TensorMap& tensors, const std::vector<Network::LayerEntry>& layers) {
    InputRanges ranges;
    for (const auto& entry : layers) {
        const std::string& layer = entry.layer->name();
        ranges[layer] = {to_torch(tensors.at(layer + "/minimum")),
                         to_torch(tensors.at(layer + "/maximum"))};
    }
    return ranges;
}

/** On the float weights; stored in the journal, or taken from there. */
InputRanges input_ranges(RunContext& context, const std::vector<Network::LayerEntry>& layers) {
    RunJournal& journal = *context.journal;
    if (const auto stored = journal.tensors(TensorSet::input_ranges)) {
        return from_map(*stored, layers);
    }
    // The root reads all images alone, so of the ranks' own share it does not count the bad ones.
    BadImages bad(context.config.data.max_bad_images);
    auto ranges = find_ranges(*context.model.network, layers, context.config.activations,
                              context.calibration_pass(bad));
    journal.store_tensors(TensorSet::input_ranges, to_map(ranges));
    if (!context.config.quantizes_weights()) report_bad_images(bad);
    return ranges;
}

std::vector<ActivationRecord> records_of(const std::vector<Network::LayerEntry>& layers,
                                         const InputRanges& ranges, int bits) {
    std::vector<ActivationRecord> records;
    for (const auto& entry : layers) {
        ActivationRecord& record = records.emplace_back();
        record.layer = entry.layer->name();
        record.bits = bits;
        const auto found = ranges.find(record.layer);
        if (found == ranges.end()) continue;
        record.minimum = to_host(found->second.minimum);
        record.maximum = to_host(found->second.maximum);
    }
    return records;
}

/** What is done to the inputs of `layers` layers. */
std::string rounding_text(const ExperimentConfig& config, std::size_t layers) {
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

/** The layers of the plan, also when `quantization.method` is none. */
void find_input_ranges(RunContext& context) {
    const auto& config = context.config;
    const auto layers = plan_layers(*context.model.network, config.quantization).entries();
    InputRanges ranges;
    if (config.activations.calibrated()) {
        context.times.timed("input ranges", [&] {
            context.root_first([&] { ranges = input_ranges(context, layers); });
        });
    }
    context.input_rounding.emplace(layers, ranges, config.activations, context.device);
    context.record.activations = records_of(layers, ranges, *config.activations.bits);
    spdlog::info("{}", rounding_text(config, layers.size()));
}

Cost cost_of_ranges(const Probe& probe) {
    const auto& config = probe.config;
    if (!config.activations.calibrated()) return {};
    const double passes = config.activations.range == RangeChoice::percentile ? 2.0 : 1.0;
    const double forwards = passes * static_cast<double>(probe.fitted_images());
    return {.seconds = {.calibration = probe.seconds_of(forwards)}};
}

std::string describe_rounding(const Probe& probe) {
    const auto& config = probe.config;
    return rounding_text(config, plan_layers(*probe.network, config.quantization).layers.size());
}

}  // namespace

const Stage find_input_ranges_stage{
    .name = "find input ranges",
    .takes_part =
        [](const ExperimentConfig& config) { return config.activations.bits.has_value(); },
    .cost = cost_of_ranges,
    .run = find_input_ranges,
    .describe = describe_rounding};

}  // namespace comq
