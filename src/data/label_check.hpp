#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace comq {

enum class LabelPattern {
    plausible,     ///< agreement well above chance, or too few images to tell
    one_too_high,  ///< label − 1 agrees: a background class, or counting from 1
    one_too_low,   ///< label + 1 agrees
    devkit_order,  ///< labels count in the order of the ILSVRC2012 development kit
    other_order,   ///< each class is mostly predicted as one other class: classes are renumbered
    shuffled,      ///< the right labels, but of other images: lists in another order
    unrelated      ///< no better than chance, no pattern
};

struct LabelCheck {
    LabelPattern pattern = LabelPattern::plausible;
    int64_t images = 0;
    int64_t agreeing = 0;   ///< predictions equal to their label
    int64_t explained = 0;  ///< those that agree once the pattern is undone

    bool plausible() const { return pattern == LabelPattern::plausible; }
    /** One line: what was seen and which key to change; empty when the labels are plausible. */
    std::string warning() const;
};

/**
 * Compares labels with the predictions of the full-precision network on the same images (100 are
 * enough) to tell a mislabelled data set from a bad network before hours are spent on it.
 * Labels below 0 are skipped; `classes` is the number of classes of the network.
 */
LabelCheck check_labels(std::span<const int64_t> labels, std::span<const int64_t> predictions,
                        int64_t classes);

}  // namespace comq
