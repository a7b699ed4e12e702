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
    text_order,    ///< classes called by numbers, which one side has sorted as text
    other_order,   ///< each class is mostly predicted as one other class: classes are renumbered
    shuffled,      ///< the right labels, but of other images: lists in another order
    unrelated,     ///< no better than chance, no pattern
    one_class      ///< nearly all predictions are one class, so they tell nothing of labels
};

struct LabelCheck {
    LabelPattern pattern = LabelPattern::plausible;
    int64_t images = 0;
    int64_t agreeing = 0;        ///< predictions equal to their label
    int64_t explained = 0;       ///< those that agree once the pattern is undone; of one_class,
                                 ///< those of that class
    int64_t classes = 0;         ///< of the network
    int64_t most_frequent = -1;  ///< predicted class

    bool plausible() const { return pattern == LabelPattern::plausible; }
    /**
     * There are images enough to tell (50), and no more predictions agree than guessing would bring
     * about with three standard errors.
     */
    bool at_chance_level() const;
    /** The observation and the key to change, without the counts; empty when plausible. */
    std::string finding() const;
    /** One line: counts and finding; empty when the labels are plausible. */
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
