#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/matrix.hpp"
#include "quantization/quantization_config.hpp"
#include "quantization/quantized_weight.hpp"

namespace comq {

/** Rounds to the nearest integer, half to even; |value| < 2^51. */
inline double round_half_even(double value) {
    constexpr double magic = 6755399441055744.0;  // 1.5·2^52: the sum has no fraction bits left
    return (value + magic) - magic;
}

/**
 * The levels δ·(z + q), q ∈ {0, …, top_code}, of one channel, ready for rounding. A multiple is a
 * value in units of δ.
 */
class ChannelLevels {
  public:
    ChannelLevels(float scale, float zero_point, int top_code) : top_code_(top_code) {
        set_scale(scale);
        set_zero_point(zero_point);
    }

    void set_scale(float scale) {
        scale_ = scale;
        inverse_scale_ = 1.0 / static_cast<double>(scale);
    }
    void set_zero_point(float zero_point) {
        whole_zero_ = std::floor(static_cast<double>(zero_point));
        zero_fraction_ = static_cast<double>(zero_point) - whole_zero_;
    }
    float scale() const { return scale_; }
    double inverse_scale() const { return inverse_scale_; }
    double zero_point() const { return whole_zero_ + zero_fraction_; }

    /** Code nearest to a multiple of δ; a tie goes to the even whole multiple. */
    int nearest_to_multiple(double multiple) const {
        const double whole =
            std::clamp(multiple - zero_fraction_, whole_zero_, whole_zero_ + top_code_);
        return static_cast<int>(round_half_even(whole) - whole_zero_);
    }
    int nearest(double value) const { return nearest_to_multiple(value * inverse_scale_); }
    double multiple(int code) const { return code + zero_point(); }

  private:
    float scale_ = 1;
    double inverse_scale_ = 1;
    double whole_zero_ = 0;
    double zero_fraction_ = 0;
    double top_code_;
};

/**
 * The allowed levels of every channel: one scale each, or one for each of `groups` equal runs of
 * its inputs. Scales are floats, so that what is stored is what was optimised. A grid per layer
 * repeats one scale and zero point.
 */
struct Grid {
    int bits = 4;
    std::vector<float> scale;       ///< δ > 0, any scalar inside, [n, groups]
    std::vector<float> zero_point;  ///< z, [n, groups]
    int64_t groups = 1;

    int top_code() const { return (1 << bits) - 1; }
    int64_t channels() const { return std::ssize(scale) / groups; }
    ChannelLevels levels(int64_t channel, int64_t group = 0) const {
        const int64_t index = channel * groups + group;
        return {scale[index], zero_point[index], top_code()};
    }
};

/** Scale groups of a channel of m inputs: of equal size, the largest that is at most `most`. */
int64_t scale_groups(int64_t in_features, int64_t most);

/** How the levels follow from the smallest and the largest weight that share a scale. */
struct LevelRule {
    /** δ = 2·max|w|/(2^b − 1) with z = −2^(b−1), as in GPTQ's code, instead of both by the range.
     */
    bool symmetric = false;
    /** z is a multiple of it: 1, or ½; 0: any number. But for 1, symmetric levels are ±δ/2, ±3δ/2,
     *  …, as Beacon's. */
    double zero_step = 1;
};

/**
 * The grid of the authors' code for each channel: δ = (max − min)/(2^b − 1), z = round(min/δ), in
 * fp32 as theirs; levels scalar·δ·(z + q). A constant channel w gets δ = |w|, or 1 for w = 0, and
 * no scalar, so that it is represented exactly; of symmetric grids only one of zeros is.
 * `per_layer` takes the extremes of the whole layer, `per_group` those of each of `groups` equal
 * runs of a channel's inputs.
 */
Grid minmax_grid(Granularity granularity, MatrixView<const float> weight, int bits, double scalar,
                 const LevelRule& rule = {}, int64_t groups = 1);

/**
 * Start of the paper's Algorithm 1 (one δ a layer; symmetric codes −2^(b−1)…2^(b−1)−1, so
 * z = −2^(b−1)): δ = scalar · mean over channels of max|w| / 2^(b−1), the rule of GPFQ
 * (arXiv 2201.11113); 1 for a layer of zeros.
 */
Grid symmetric_grid_per_layer(MatrixView<const float> weight, int bits, double scalar);

/** Puts codes [n, m] and their grid together for storage. */
QuantizedWeight on_grid(Matrix<uint8_t> bit_code, const Grid& grid);

}  // namespace comq
