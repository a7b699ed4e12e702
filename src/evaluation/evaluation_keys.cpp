#include "evaluation/evaluation_keys.hpp"

#include "evaluation/evaluation_set_keys.hpp"

namespace comq {

Schema<EvaluationConfig, RunKey> evaluation_keys(const std::vector<std::string>& layouts) {
    using enum Effect;
    Schema<EvaluationConfig, RunKey> keys;
    keys.add({.key = "images",
              .affects = evaluation_images,
              .meaning = "Images to evaluate on: all, or a random choice of so many, the same "
                         "ones whatever 'seed' is.",
              .unit = "images"},
             &EvaluationConfig::images, count_or_all<std::optional<int64_t>>());
    keys.add({.key = "batch_size",
              .affects = evaluation_images | full_precision | evaluation,
              .meaning = "Images of one micro-batch, the unit of work of one thread. Its size "
                         "can change the last bits of the logits.",
              .unit = "images"},
             &EvaluationConfig::batch_size, integer<int64_t>(1, 4096));
    keys.add({.key = "layer_images",
              .affects = evaluation,
              .meaning = "Images on which the output of each layer of the quantized network is "
                         "compared with the full-precision one: those held out, then those of the "
                         "calibration; 0: none.",
              .unit = "images"},
             &EvaluationConfig::layer_images, integer<int64_t>(0, 1 << 20));
    keys.add(
        {.key = "expected_top1",
         .affects = resource,
         .meaning = "Top-1 the full-precision network must reach within max(1 point, 2 standard "
                    "errors) before anything is quantized; null: that of the entry of "
                    "datasets/full_precision.yaml for the two digests that inspect_results "
                    "--provenance shows, if any.",
         .unit = "percent"},
        &EvaluationConfig::expected_top1, optional(number(0.0, 100.0)));
    keys.add({.key = "allow_chance",
              .affects = resource,
              .meaning = "Whether to quantize a network whose full-precision Top-1 is no better "
                         "than guessing; 50 labelled images are enough to tell."},
             &EvaluationConfig::allow_chance, boolean());
    keys.add({.key = "sets",
              .affects = location | evaluation_images,
              .meaning = "Further sets of labelled images that both networks are evaluated on. Of "
                         "'data' a set takes over nothing but root, where it gives none; "
                         "preprocessing, micro-batches and max_bad_images are those of the run."},
             &EvaluationConfig::sets, evaluation_sets(layouts));
    return keys;
}

}  // namespace comq
