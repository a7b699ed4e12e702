#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "activations/input_range.hpp"

namespace comq {

/**
 * Counts the inputs of some layers in equal bins between known extremes while the network runs, on
 * many threads at once; counts do not depend on the order. A layer has 4096 bins, or 256 bins for
 * each of its channels.
 */
class HistogramTap : public Tap {
  public:
    /** `ranges` are those that a RangeTap found on the same images. */
    HistogramTap(const std::vector<Network::LayerEntry>& layers, const InputRanges& ranges,
                 ActivationGranularity granularity);

    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override;

    /**
     * Ranges from the (100 − p)-th to the p-th percentile, p > 50, linear within a bin: off by at
     * most one bin.
     */
    InputRanges percentiles(double percentile) const;

  private:
    struct Histogram {
        InputRange range;
        std::vector<int64_t> counts;  ///< [ranges, bins]
    };

    int64_t bins_;
    std::mutex mutex_;
    std::map<const Observable*, Histogram> histograms_;
};

}  // namespace comq
