#include "activations/find_ranges.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <mutex>
#include <numeric>
#include <span>

#include "core/errors.hpp"

namespace comq {

namespace {

/**
 * Finds the extremes of the inputs of some layers while the network runs, on many threads at once;
 * they do not depend on the order.
 */
class RangeTap : public Tap {
  public:
    RangeTap(const std::vector<Network::LayerEntry>& layers, ActivationGranularity granularity)
        : layers_(layers), granularity_(granularity) {
        for (const auto& entry : layers) ranges_[entry.layer];
    }

    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override {
        const auto found = ranges_.find(&layer);
        if (found == ranges_.end() || input.numel() == 0) return input;
        InputRange batch;
        if (granularity_ == ActivationGranularity::per_channel) {
            const auto values = channel_view(layer, input);
            batch = {values.amin({0, 2}).to(torch::kCPU), values.amax({0, 2}).to(torch::kCPU)};
        } else {
            batch = {input.amin().view({1}).to(torch::kCPU),
                     input.amax().view({1}).to(torch::kCPU)};
        }
        const std::scoped_lock guard(mutex_);
        InputRange& range = found->second;
        if (range.minimum.defined()) {
            // Both hand a NaN on.
            range = {torch::minimum(range.minimum, batch.minimum),
                     torch::maximum(range.maximum, batch.maximum)};
        } else {
            range = batch;
        }
        return input;
    }

    InputRanges ranges() const {
        InputRanges ranges;
        for (const auto& entry : layers_) {
            const std::string& name = entry.layer->name();
            const InputRange& range = ranges_.at(entry.layer);
            if (!range.minimum.defined()) {
                throw InputError(
                    "layer {}: saw no calibration image that can be read, so its inputs have no "
                    "range; check data.calibration",
                    name);
            }
            if (!range.minimum.isfinite().all().item<bool>() ||
                !range.maximum.isfinite().all().item<bool>()) {
                throw InputError("layer {}: an input is NaN or infinite; check the checkpoint",
                                 name);
            }
            ranges[name] = range;
        }
        return ranges;
    }

  private:
    const std::vector<Network::LayerEntry>& layers_;
    ActivationGranularity granularity_;
    std::mutex mutex_;
    std::map<const Observable*, InputRange> ranges_;
};

/** Bins of one range. */
struct Bins {
    double lowest;
    double width;  ///< 0: all values are equal
    int64_t count;

    int64_t of(float value) const {
        if (width == 0) return 0;
        return std::clamp(static_cast<int64_t>((static_cast<double>(value) - lowest) / width),
                          int64_t{0}, count - 1);
    }
};

Bins bins_of(const InputRange& range, int64_t index, int64_t count) {
    const auto lowest = static_cast<double>(range.minimum.data_ptr<float>()[index]);
    const auto highest = static_cast<double>(range.maximum.data_ptr<float>()[index]);
    return {lowest, (highest - lowest) / static_cast<double>(count), count};
}

/** The value below which `share` of all that is counted lies. */
double quantile(std::span<const int64_t> counts, const Bins& bins, double share) {
    const double wanted =
        share * static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
    double below = 0;
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
        const auto here = static_cast<double>(counts[bin]);
        if (here > 0 && below + here >= wanted) {
            const double within = (wanted - below) / here;
            return bins.lowest + (static_cast<double>(bin) + within) * bins.width;
        }
        below += here;
    }
    return bins.lowest + static_cast<double>(counts.size()) * bins.width;
}

/**
 * Counts the inputs of some layers in equal bins between known extremes while the network runs, on
 * many threads at once; counts do not depend on the order.
 */
class HistogramTap : public Tap {
  public:
    /** `ranges` are those that a RangeTap found on the same images. */
    HistogramTap(const std::vector<Network::LayerEntry>& layers, const InputRanges& ranges,
                 ActivationGranularity granularity)
        : bins_(granularity == ActivationGranularity::per_channel ? 256 : 4096) {
        for (const auto& entry : layers) {
            const InputRange& range = ranges.at(entry.layer->name());
            const auto size = static_cast<std::size_t>(range.minimum.numel() * bins_);
            histograms_[entry.layer] = {range, std::vector<int64_t>(size)};
        }
    }

    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override {
        const auto found = histograms_.find(&layer);
        if (found == histograms_.end() || input.numel() == 0) return input;
        Histogram& histogram = found->second;
        const auto values = channel_view(layer, input.to(torch::kCPU));
        const bool by_channel = histogram.range.minimum.numel() > 1;
        const int64_t ranges = by_channel ? values.size(1) : 1;
        const int64_t inner = by_channel ? values.size(2) : values.numel();
        std::vector<Bins> bins;
        for (int64_t i = 0; i < ranges; ++i) bins.push_back(bins_of(histogram.range, i, bins_));

        std::vector<int64_t> counts(histogram.counts.size());
        const float* value = values.data_ptr<float>();
        for (int64_t run = 0; run < values.numel() / inner; ++run) {
            const auto range = run % ranges;
            for (int64_t i = 0; i < inner; ++i) {
                ++counts[static_cast<std::size_t>(
                    range * bins_ + bins[static_cast<std::size_t>(range)].of(*value++))];
            }
        }
        const std::scoped_lock guard(mutex_);
        std::ranges::transform(counts, histogram.counts, histogram.counts.begin(), std::plus{});
        return input;
    }

    /** Ranges from the (100 − p)-th to the p-th percentile, p > 50, linear within a bin. */
    InputRanges percentiles(double percentile) const {
        InputRanges result;
        for (const auto& [layer, histogram] : histograms_) {
            InputRange range{histogram.range.minimum.clone(), histogram.range.maximum.clone()};
            for (int64_t i = 0; i < range.minimum.numel(); ++i) {
                const Bins bins = bins_of(histogram.range, i, bins_);
                const std::span counts(histogram.counts.data() + i * bins_,
                                       static_cast<std::size_t>(bins_));
                range.minimum.data_ptr<float>()[i] =
                    static_cast<float>(quantile(counts, bins, 1.0 - percentile / 100.0));
                range.maximum.data_ptr<float>()[i] =
                    static_cast<float>(quantile(counts, bins, percentile / 100.0));
            }
            result[layer->name()] = range;
        }
        return result;
    }

  private:
    struct Histogram {
        InputRange range;
        std::vector<int64_t> counts;  ///< [ranges, bins]
    };

    int64_t bins_;
    std::mutex mutex_;
    std::map<const Observable*, Histogram> histograms_;
};

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

torch::Tensor channel_view(const Observable& layer, const torch::Tensor& input) {
    const auto values = input.contiguous();
    if (layer.channel_axis() == 1) return values.flatten(2);
    return values.view({-1, values.size(-1), 1});
}

}  // namespace comq
