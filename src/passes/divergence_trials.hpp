#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "passes/logit_divergence.hpp"

namespace comq {

/**
 * Changes of a quantized network, judged one after the other by their LogitDivergence. Image by
 * image, those of a trial and of the best one before it rise and fall together, so that a part of
 * the images is enough to tell a trial that loses: it ends there (worse_after).
 */
class DivergenceTrials {
  public:
    /** Nothing has been tried. Keeps a reference to `divergence`. */
    explicit DivergenceTrials(const LogitDivergence& divergence) : divergence_(divergence) {}

    /**
     * The divergence with the weights as they are now. That of a trial which ended early is what
     * its images lead to expect: more than least(), by their mean difference. The same bits for any
     * number of threads. Throws Interrupted.
     */
    double measure();

    /** The least of all trials; infinite before the first. */
    double least() const { return least_; }

  private:
    const LogitDivergence& divergence_;
    std::vector<double> least_of_images_;
    double least_ = std::numeric_limits<double>::infinity();
};

/**
 * After how many images the divergences `trial` have lost to `least`: the first multiple of 8, from
 * 16 on and before the last of `least`, where the mean of their differences exceeds two standard
 * errors. None where there is no such number. `trial` may be the first few of as many as `least`.
 */
std::optional<std::size_t> worse_after(std::span<const double> trial,
                                       std::span<const double> least);

}  // namespace comq
