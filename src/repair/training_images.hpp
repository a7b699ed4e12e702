#pragma once

#include <cstdint>

#include "core/random.hpp"
#include "passes/image_pass.hpp"
#include "repair/repair_config.hpp"

namespace comq {

/**
 * Images as `repair.crops`, `flips` and `mixtures` show them to training: drawn anew for each
 * epoch, by image and not by its place, the same for equal seeds.
 */
class TrainingImages {
  public:
    /** Keeps a reference to `config`. */
    TrainingImages(const RepairConfig& config, uint64_t seed);

    /** `pass` in the order of `epoch`, its images changed as they are in that epoch. */
    ImagePass epoch(const ImagePass& pass, int64_t epoch) const;

    /** Whether `epoch` shows image `index` of the source mirrored; not for crops. */
    bool is_mirrored(int64_t index, int64_t epoch) const;
    const RepairConfig& config() const { return config_; }

    /** `pass` in its own order, its images changed as for no epoch; `view` counts the draws. */
    ImagePass view(const ImagePass& pass, int64_t view) const;

  private:
    ImagePass changed(ImagePass pass, const RandomStream& stream, int64_t epoch) const;

    const RepairConfig& config_;
    RandomStream stream_;
};

}  // namespace comq
