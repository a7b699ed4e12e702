#include "activations/find_ranges.hpp"

#include <string>

#include "activations/input_histogram.hpp"
#include "core/errors.hpp"
#include "core/progress.hpp"
#include "torch_bridge/batch_pixels.hpp"

namespace comq {

namespace {

void run_with(Tap& tap, const std::string& title, const Network& network, const ImageSet& images,
              std::optional<uint64_t> augmentation_seed, torch::Device device, BadImages& bad,
              const std::atomic<bool>& stop) {
    Progress progress(title, "images", static_cast<int64_t>(images.indices.size()));
    LoaderOptions options(device.is_cpu() ? Consume::parallel : Consume::serial);
    options.stop = &stop;
    options.augmentation_seed = augmentation_seed;
    const bool whole = for_each_batch(
        *images.source, images.indices, images.preprocessing, images.batch_size, bad,
        [&](ImageBatch&& batch) {
            const torch::InferenceMode inference;
            const TapScope scope(&tap);
            network.forward(batch_pixels(batch).to(device));
            progress.advance(static_cast<int64_t>(batch.indices.size()));
        },
        options);
    if (!whole) throw Interrupted("interrupted while finding the ranges of layer inputs");
}

}  // namespace

InputRanges find_ranges(const Network& network, const std::vector<Network::LayerEntry>& layers,
                        const ActivationConfig& config, const ImageSet& images,
                        std::optional<uint64_t> augmentation_seed, torch::Device device,
                        BadImages& bad, const std::atomic<bool>& stop) {
    RangeTap extremes(layers, config.granularity);
    run_with(extremes, "input ranges", network, images, augmentation_seed, device, bad, stop);
    auto ranges = extremes.ranges();
    if (config.range == RangeChoice::minmax) return ranges;
    HistogramTap histogram(layers, ranges, config.granularity);
    run_with(histogram, "input percentiles", network, images, augmentation_seed, device, bad, stop);
    return histogram.percentiles(config.percentile);
}

}  // namespace comq
