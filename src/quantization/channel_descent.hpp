#pragma once

#include <cstdint>
#include <vector>

#include "quantization/descent.hpp"

namespace comq {

/** What the channels of one problem share during descent. */
struct DescentContext {
    const GroupProblem& problem;
    const DescentOptions& options;
    std::vector<double> inverse_diagonal;  ///< 1/H_ii, 0 for a dead input, [m]
    std::vector<float> order_norm;         ///< key of the greedy order, [m]

    DescentContext(const GroupProblem& problem, const DescentOptions& options);
};

/** Sums of the scale minimiser: δ_new = δ · numerator / denominator. */
struct ScaleSums {
    double numerator = 0;    ///< cᵀHw with c = q + z
    double denominator = 0;  ///< δ·cᵀHc
};

/** Coordinate descent on one output channel. */
class ChannelDescent {
  public:
    ChannelDescent(const DescentContext& context, const Grid& grid, const Start& start,
                   int64_t channel);

    /** One sweep over the codes; returns how many coordinates moved. */
    int64_t sweep();
    /** eᵀHe. */
    double squared_error() const;
    ScaleSums scale_sums() const;
    void set_scale(float scale);
    float scale() const { return scale_; }
    /** Remembers codes and scale, or returns to what was remembered last. */
    void save();
    void restore();
    /** Writes the final codes, [m]. */
    void write_codes(uint8_t* bit_code) const;

  private:
    double value(int64_t i) const { return off_grid_ ? weight_[i] : levels_.level(code_[i]); }

    const DescentContext& context_;
    const float* weight_;
    ChannelLevels levels_;
    float scale_;
    float zero_point_;
    int top_code_;
    bool off_grid_;
    std::vector<int32_t> order_;
    std::vector<uint8_t> code_;
    std::vector<double> residual_gradient_;  ///< r = H(w − wq)
    std::vector<double> weight_gradient_;    ///< Hw, only where scales are updated
    std::vector<uint8_t> saved_code_;
    float saved_scale_ = 0;
};

}  // namespace comq
