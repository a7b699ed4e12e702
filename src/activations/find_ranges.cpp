#include "activations/find_ranges.hpp"

#include <string>

#include "activations/input_histogram.hpp"
#include "core/errors.hpp"
#include "core/progress.hpp"

namespace comq {

namespace {

void run_with(Tap& tap, const std::string& title, const Network& network, const RangeImages& images,
              torch::Device device, BadImages& bad, const std::atomic<bool>& stop) {
    Progress progress(title, "images", static_cast<int64_t>(images.indices.size()));
    LoaderOptions options(device.is_cpu() ? Consume::parallel : Consume::serial);
    options.stop = &stop;
    options.augmentation_seed = images.augmentation_seed;
    const bool whole = for_each_batch(
        *images.source, images.indices, images.preprocessing, images.batch_size, bad,
        [&](ImageBatch&& batch) {
            const torch::InferenceMode inference;
            const TapScope scope(&tap);
            const auto count = static_cast<int64_t>(batch.indices.size());
            const auto pixels =
                torch::from_blob(batch.pixels.data(), {count, 3, batch.height, batch.width});
            network.forward(pixels.to(device));
            progress.advance(count);
        },
        options);
    if (!whole) throw Interrupted("interrupted while finding the ranges of layer inputs");
}

}  // namespace

InputRanges find_ranges(const Network& network, const std::vector<Network::LayerEntry>& layers,
                        const ActivationConfig& config, const RangeImages& images,
                        torch::Device device, BadImages& bad, const std::atomic<bool>& stop) {
    RangeTap extremes(layers, config.granularity);
    run_with(extremes, "input ranges", network, images, device, bad, stop);
    auto ranges = extremes.ranges();
    if (config.range == RangeChoice::minmax) return ranges;
    HistogramTap histogram(layers, ranges, config.granularity);
    run_with(histogram, "input percentiles", network, images, device, bad, stop);
    return histogram.percentiles(config.percentile);
}

}  // namespace comq
