#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "experiment/run_context.hpp"
#include "networks/layers.hpp"
#include "quantization/quantized_weight.hpp"

namespace comq {

/** A layer has another weight until the end of the scope. */
class TrialWeight {
  public:
    TrialWeight(const QuantizableLayer& layer, const QuantizedWeight& weight);
    ~TrialWeight();
    TrialWeight(const TrialWeight&) = delete;
    TrialWeight& operator=(const TrialWeight&) = delete;

  private:
    torch::Tensor weight_;
    torch::Tensor kept_;
};

/** By layer: its weight at each of several widths. */
using WeightsByWidth = std::map<std::string, std::vector<QuantizedWeight>>;

/**
 * What the method of the run makes of `layers` at each of `widths` (empty: each layer at its own),
 * from `source`; nothing is installed. The time is that of the stage `title`, as is the progress.
 * Throws Interrupted on a stop.
 */
WeightsByWidth solve_at_widths(RunContext& context, StatisticsSource& source,
                               const std::vector<PlannedLayer>& layers, std::span<const int> widths,
                               const std::string& title);

}  // namespace comq
