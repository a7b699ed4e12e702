#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "calibration/fisher_gram.hpp"
#include "calibration/row_sample.hpp"
#include "data/image_source.hpp"
#include "data/loader.hpp"
#include "data/selection.hpp"
#include "image/preprocessing.hpp"
#include "networks/network.hpp"
#include "statistics/statistics.hpp"

namespace comq {

/** The images that a calibration pass reads, and how. */
struct CalibrationPass {
    const ImageSource* source;
    CalibrationImages images;  ///< rows go into `statistic::gram` and `statistic::heldout_gram`
    Preprocessing preprocessing;
    int64_t batch_size;  ///< images of one micro-batch
    /** Set: the training transform under this seed instead of resize and crop. */
    std::optional<uint64_t> augmentation_seed = std::nullopt;
    std::optional<RowSample> row_sample = std::nullopt;  ///< none: every row counts
    bool bfloat16 = false;  ///< what the network computes its activations in; gradients are fp32
    /** Set: `statistic::weighted_gram` too, from a forward and backward pass of its own. */
    std::optional<FisherWeighting> weighting = std::nullopt;
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
 * Throws Interrupted when `stop` is set, InputError on unreadable images beyond the limit of `bad`
 * and on non-finite inputs.
 */
std::vector<LayerStatistics> collect_statistics(Network& network,
                                                const std::vector<Network::LayerEntry>& layers,
                                                const CalibrationPass& pass, torch::Device device,
                                                BadImages& bad, const std::atomic<bool>& stop);

/** The rank that is to solve each layer: equal shares of the cost m²·n, the largest first. */
std::vector<int> owners_of(const std::vector<Network::LayerEntry>& layers, int ranks);

/**
 * Splits `layers`, in order, into runs whose Grams fit in `budget_bytes` together; a layer larger
 * than the budget has a run of its own. Each run costs one forward pass. `further_passes` counts
 * the Grams that are summed after the plain one, of held-out or weighted rows.
 */
std::vector<std::vector<Network::LayerEntry>> group_by_memory(
    const std::vector<Network::LayerEntry>& layers, int64_t budget_bytes, int further_passes);

}  // namespace comq
