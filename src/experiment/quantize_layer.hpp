#pragma once

#include "calibration/statistics.hpp"
#include "experiment/layer_plan.hpp"
#include "quantization/method.hpp"
#include "results/run_record.hpp"

namespace comq {

/**
 * Quantizes one layer from its statistics and measures it. `round_to_nearest` gives the error that
 * is reported beside the method's own. All errors are on plain full-precision rows.
 */
LayerRecord quantize_layer(const PlannedLayer& planned, const LayerStatistics& statistics,
                           const Method& method, const Method& round_to_nearest);

/** Replaces the weight of `layer` by the one that `record` describes. */
void install_weight(QuantizableLayer& layer, const LayerRecord& record);

/**
 * Size of the network with the layers of `records` packed: codes at their bits, scales and zero
 * points as floats, every other parameter and buffer as it is.
 */
ModelSize measure_size(const Network& network, const std::vector<LayerRecord>& records);

}  // namespace comq
