#pragma once

#include <cstdint>
#include <list>

#include "passes/logit_divergence.hpp"
#include "passes/side_by_side.hpp"
#include "repair/repair.hpp"
#include "repair/training_images.hpp"

namespace comq {

/**
 * How far predictions for held-out images, as training would see them, are from those of the
 * full-precision network. Photos that it was trained on are too easy to tell epochs apart.
 */
class HeldOutJudge {
  public:
    HeldOutJudge(const RepairContext& context, const TrainingImages& images);

    /** Mean divergence over images and views, in nats. */
    double measure() const;

    /** In how many draws each image judges. */
    static int64_t views(const RepairConfig& config);

  private:
    std::list<SideBySide> walks_;
    std::list<LogitDivergence> divergences_;
};

}  // namespace comq
