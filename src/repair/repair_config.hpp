#pragma once

#include <cstdint>
#include <optional>

namespace comq {

enum class NormTuning { none, labels, full_precision_logits, full_precision_blocks };

/** The error that block reconstruction brings down; fisher: weighted by squared gradients. */
enum class BlockLoss { none, output_error, fisher };

/** What is mended beside the weights; all of it is off by default. */
struct RepairConfig {
    bool fold_batch_norm = false;
    bool bias_correction = false;
    bool reestimate_batch_norm = false;
    bool output_refit = false;
    bool norm_refit = false;
    NormTuning norm_tuning = NormTuning::none;
    std::optional<int64_t> images;  ///< none: the calibration images
    int64_t batch_size = 25;        ///< images of a step of tuning, or of a batch of statistics
    int64_t epochs = 6;
    double learning_rate = 2e-3;
    bool flips = true;
    bool crops = false;
    bool mixtures = false;
    bool tune_grids = false;
    double grid_learning_rate = 1e-3;
    bool tune_codes = false;
    double code_learning_rate = 1e-3;
    bool early_stop = false;
    BlockLoss block_reconstruction = BlockLoss::none;
    int64_t block_iterations = 400;
    double block_learning_rate = 1e-2;

    /** Whether codes of quantized layers may change. */
    bool trains_codes() const { return tune_codes || block_reconstruction != BlockLoss::none; }
};

}  // namespace comq
