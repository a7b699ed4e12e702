#include "activations/input_histogram.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>

#include "activations/channel_view.hpp"

namespace comq {

namespace {

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

}  // namespace

HistogramTap::HistogramTap(const std::vector<Network::LayerEntry>& layers,
                           const InputRanges& ranges, ActivationGranularity granularity)
    : bins_(granularity == ActivationGranularity::per_channel ? 256 : 4096) {
    for (const auto& entry : layers) {
        const InputRange& range = ranges.at(entry.layer->name());
        const auto size = static_cast<std::size_t>(range.minimum.numel() * bins_);
        histograms_[entry.layer] = {range, std::vector<int64_t>(size)};
    }
}

torch::Tensor HistogramTap::on_input(const Observable& layer, const torch::Tensor& input) {
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
            ++counts[static_cast<std::size_t>(range * bins_ +
                                              bins[static_cast<std::size_t>(range)].of(*value++))];
        }
    }
    const std::scoped_lock guard(mutex_);
    std::ranges::transform(counts, histogram.counts, histogram.counts.begin(), std::plus{});
    return input;
}

InputRanges HistogramTap::percentiles(double percentile) const {
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

}  // namespace comq
