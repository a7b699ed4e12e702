#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "calibration/gram_collector.hpp"
#include "calibration/row_importance.hpp"

namespace comq {

/** A pass over calibration images, and what is summed; a batch is a micro-batch. */
struct CalibrationPass {
    ImagePass fitted;                                    ///< rows go into `statistic::gram`
    std::vector<int64_t> held_out = {};                  ///< … into `statistic::heldout_gram`
    std::optional<RowSample> row_sample = std::nullopt;  ///< none: every row counts
    /** The network computes its activations in bf16, its parameters rounded; gradients are fp32. */
    bool bfloat16 = false;
    /** Set: `statistic::weighted_gram` too, from a forward and backward pass of its own. */
    std::optional<RowWeighting> weighting = std::nullopt;
};

/**
 * One forward pass of `network` over the images; sums the Grams of all `layers` at once and stops
 * after the last block that holds one. Memory does not grow with the number of images.
 * Returns the statistics in the order of `layers`; the network is as before.
 *
 * The ranks of communicator() read a share of the micro-batches each; the statistics of a layer
 * end up, with the bits that one rank alone would have, at the rank that owners_of names, and are
 * empty at the others.
 *
 * Throws what ImagePass does, and InputError on non-finite inputs.
 */
std::vector<LayerStatistics> collect_statistics(Network& network,
                                                const std::vector<Network::LayerEntry>& layers,
                                                const CalibrationPass& pass);

/** The rank that is to solve each layer: equal shares of the cost m²·n, the largest first. */
std::vector<int> owners_of(const std::vector<Network::LayerEntry>& layers, int ranks);

/**
 * Splits `layers`, in order, into runs whose Grams fit in `budget_bytes` together; a layer larger
 * than the budget has a run of its own. Each run costs one forward pass. `copies` is the most that
 * is held of a layer at a time, in Grams that are being summed.
 */
std::vector<std::vector<Network::LayerEntry>> group_by_memory(
    const std::vector<Network::LayerEntry>& layers, int64_t budget_bytes, double copies);

/** Whether the CPU multiplies bf16 matrices itself; elsewhere bf16 is slower than fp32. */
bool cpu_has_bfloat16();

}  // namespace comq
