#include "repair/repair_keys.hpp"

namespace comq {

Schema<RepairConfig, RunKey> repair_keys() {
    using enum Effect;
    Schema<RepairConfig, RunKey> keys;
    keys.add({.key = "fold_batch_norm",
              .affects = statistics | repair,
              .meaning = "Before calibration: whether the scale of each BatchNorm moves into the "
                         "weight of the convolution before it, so that it is quantized with it."},
             &RepairConfig::fold_batch_norm, boolean());
    keys.add({.key = "bias_correction",
              .affects = repair,
              .meaning = "After quantization: whether the mean error of each output channel, "
                         "(W - Wq) times the mean input of the full-precision network, is taken "
                         "off its bias, or off the BatchNorm behind a layer without one."},
             &RepairConfig::bias_correction, boolean());
    keys.add({.key = "reestimate_batch_norm",
              .affects = repair,
              .meaning = "After quantization: whether means and variances of BatchNorms are "
                         "estimated again on repair.images. Not together with fold_batch_norm."},
             &RepairConfig::reestimate_batch_norm, boolean());
    keys.add({.key = "output_refit",
              .affects = repair,
              .meaning = "After quantization: whether scale and bias of each output channel (or "
                         "the BatchNorm behind a layer without one) are refitted, layer after "
                         "layer, by least squares to the output of the full-precision network. "
                         "Codes stay. A shift alone and scale and shift are tried, half and "
                         "whole, and taken as far as they bring the network's predictions on "
                         "the images of calibration.holdout, which must be set, closer to the "
                         "full-precision ones."},
             &RepairConfig::output_refit, boolean());
    keys.add({.key = "norm_refit",
              .affects = repair,
              .meaning = "The same for weight and bias of each LayerNorm and BatchNorm behind a "
                         "quantized layer. Together with output_refit, layers and norms take "
                         "their turns in the order in which they run."},
             &RepairConfig::norm_refit, boolean());
    keys.add({.key = "norm_tuning",
              .affects = repair,
              .meaning = "After quantization: loss by which norm weights and all biases are "
                         "trained on repair.images, weights staying as they are. labels is the "
                         "cross-entropy to the labels of data.calibration, as in the authors' "
                         "2-bit recipe; full_precision_logits the divergence from the "
                         "full-precision network, without labels, and full_precision_blocks that "
                         "and the mean over blocks of the squared relative error of their "
                         "outputs. All use gradients."},
             &RepairConfig::norm_tuning,
             choice<NormTuning>({{"none", NormTuning::none},
                                 {"labels", NormTuning::labels},
                                 {"full_precision_logits", NormTuning::full_precision_logits},
                                 {"full_precision_blocks", NormTuning::full_precision_blocks}}));
    keys.add({.key = "images",
              .affects = repair,
              .meaning = "Images that repairs look at, drawn from data.calibration by 'seed', "
                         "none of them held out; null: those of the calibration.",
              .unit = "images"},
             &RepairConfig::images, optional(integer<int64_t>(1)));
    keys.add({.key = "batch_size",
              .affects = repair,
              .meaning = "Images of a step of norm_tuning or block_reconstruction, and of a batch "
                         "whose statistics "
                         "reestimate_batch_norm averages.",
              .unit = "images"},
             &RepairConfig::batch_size, integer<int64_t>(2, 4096));
    keys.add({.key = "epochs",
              .affects = repair,
              .meaning = "Passes of norm_tuning over its images.",
              .unit = "passes"},
             &RepairConfig::epochs, integer<int64_t>(1, 10'000));
    keys.add({.key = "learning_rate",
              .affects = repair,
              .meaning = "Of Adam in norm_tuning, at the start; it falls along half a cosine to "
                         "0."},
             &RepairConfig::learning_rate, number(1e-8, 1.0));
    keys.add({.key = "flips",
              .affects = repair,
              .meaning = "Whether norm_tuning mirrors half of the images, drawn anew in each "
                         "epoch."},
             &RepairConfig::flips, boolean());
    keys.add({.key = "crops",
              .affects = repair,
              .meaning = "Whether norm_tuning sees random crops instead, as networks do in "
                         "training (8 to 100% of an image's area, mirrored or not), drawn anew in "
                         "each epoch. Few images are then learnt by heart less."},
             &RepairConfig::crops, boolean());
    keys.add({.key = "mixtures",
              .affects = repair,
              .meaning = "Whether norm_tuning sees mixtures of two images each, in shares drawn "
                         "anew in each epoch (mixup; as teachers are asked in Beyer et al., CVPR "
                         "2022). Not with labels."},
             &RepairConfig::mixtures, boolean());
    keys.add({.key = "tune_grids",
              .affects = repair,
              .meaning = "Whether norm_tuning also trains the scales of quantized layers, and the "
                         "zero points where quantization.zero_point is real. Codes stay, "
                         "unless tune_codes is set."},
             &RepairConfig::tune_grids, boolean());
    keys.add({.key = "grid_learning_rate",
              .affects = repair,
              .meaning = "Of tune_grids and block_reconstruction: a step of Adam changes a scale "
                         "by this share of itself, "
                         "and a zero point by this share of a level."},
             &RepairConfig::grid_learning_rate, number(1e-8, 1.0));
    keys.add({.key = "tune_codes",
              .affects = repair,
              .meaning = "Whether tune_grids also trains the codes of quantized layers, straight "
                         "through their rounding: gradients on weights, as in AdaRound and BRECQ. "
                         "They begin as those that quantization.method found."},
             &RepairConfig::tune_codes, boolean());
    keys.add({.key = "code_learning_rate",
              .affects = repair,
              .meaning = "Of tune_codes: a step of Adam moves a weight by this share of a level."},
             &RepairConfig::code_learning_rate, number(1e-8, 1.0));
    keys.add({.key = "early_stop",
              .affects = repair,
              .meaning = "Whether norm_tuning keeps the epoch after which the network's "
                         "predictions on the images of calibration.holdout, which must be set, "
                         "are closest to the full-precision ones; none, if all took them away. "
                         "With crops or mixtures these images are drawn like those of the "
                         "training, four times each."},
             &RepairConfig::early_stop, boolean());
    keys.add({.key = "block_reconstruction",
              .affects = repair,
              .meaning = "After quantization, block after block: whether rounding, scales and "
                         "real zero points of a block's layers are trained on repair.images until "
                         "its output is that of the full-precision network (BRECQ): gradients on "
                         "weights. output_error is the squared error, fisher that weighted by "
                         "squared gradients of the predictions. Codes begin as those that "
                         "quantization.method found. A block stays as it was unless predictions "
                         "on the images of calibration.holdout, which must be set, come closer to "
                         "the full-precision ones."},
             &RepairConfig::block_reconstruction,
             choice<BlockLoss>({{"none", BlockLoss::none},
                                {"output_error", BlockLoss::output_error},
                                {"fisher", BlockLoss::fisher}}));
    keys.add({.key = "block_iterations",
              .affects = repair,
              .meaning = "Steps of block_reconstruction for each block, each on repair.batch_size "
                         "images.",
              .unit = "steps"},
             &RepairConfig::block_iterations, integer<int64_t>(10, 1'000'000));
    keys.add({.key = "block_learning_rate",
              .affects = repair,
              .meaning = "Of Adam for the rounding in block_reconstruction; scales and zero points "
                         "have repair.grid_learning_rate."},
             &RepairConfig::block_learning_rate, number(1e-8, 1.0));
    return keys;
}

}  // namespace comq
