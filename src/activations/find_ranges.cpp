#include "activations/find_ranges.hpp"

#include <string>

#include "activations/input_histogram.hpp"

namespace comq {

namespace {

void run_with(Tap& tap, const std::string& title, const Network& network, const ImagePass& pass) {
    pass.run(title, "finding the ranges of layer inputs",
             [&](const torch::Tensor& pixels, const ImageBatch& /*batch*/) {
                 const torch::InferenceMode inference;
                 network.forward(pixels, &tap);
             });
}

}  // namespace

InputRanges find_ranges(const Network& network, const std::vector<Network::LayerEntry>& layers,
                        const ActivationConfig& config, const ImagePass& pass) {
    RangeTap extremes(layers, config.granularity);
    run_with(extremes, "input ranges", network, pass);
    auto ranges = extremes.ranges();
    if (config.range == RangeChoice::minmax) return ranges;
    HistogramTap histogram(layers, ranges, config.granularity);
    run_with(histogram, "input percentiles", network, pass);
    return histogram.percentiles(config.percentile);
}

}  // namespace comq
