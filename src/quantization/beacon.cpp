#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "quantization/add_row.hpp"
#include "quantization/grid.hpp"
#include "quantization/methods.hpp"
#include "quantization/order.hpp"

namespace comq {
namespace {

/**
 * Below this part of Σ p_i²·H_ii an energy pᵀHp is what rounding left of a Gram in fp32: where
 * inputs are of low rank, levels that cancel would be given any scale.
 */
constexpr double least_energy = 0x1p-10;

/**
 * One channel of Beacon. Levels p ∈ {±½, ±3/2, …} have no scale: the cosine of the angle between
 * the outputs Xw and Xp is wᵀHp / (‖Xw‖·√(pᵀHp)).
 */
class BeaconChannel {
  public:
    BeaconChannel(const GroupProblem& problem, int64_t channel)
        : problem_(problem),
          weight_(problem.weight.row(channel)),
          code_(static_cast<std::size_t>(problem.in_features())),
          level_product_(code_.size()),
          weight_product_(code_.size()) {
        for (std::size_t i = 0; i < code_.size(); ++i) {
            largest_weight_ = std::max(largest_weight_, std::fabs(weight_[i]));
        }
    }

    /** The first pass: each coordinate joins both vectors, the angle between the parts decides. */
    void begin(const std::vector<int32_t>& order) {
        for (const int32_t i : order) {
            const auto weight = static_cast<double>(weight_[i]);
            add_row(problem_.gram.row(i), weight, problem_.in_features(), weight_product_.data());
            dot_ += weight * level_product_[i];
            const Rest rest{dot_, energy_, level_product_[i], diagonal_};
            place(i, best_code(i, rest), rest, 0.0);
        }
    }

    /** One sweep against the whole Xw; returns the number of coordinates that changed. */
    int64_t sweep(const std::vector<int32_t>& order) {
        int64_t moves = 0;
        for (const int32_t i : order) {
            const double old_level = level(code_[i]);
            const double product = level_product_[i] - old_level * problem_.gram(i, i);
            const Rest rest{dot_ - old_level * weight_product_[i],
                            energy_ - old_level * (level_product_[i] + product), product,
                            diagonal_ - old_level * old_level * problem_.gram(i, i)};
            const int code = best_code(i, rest);
            // Leaving a code that is as good as the best would go round in circles.
            const double present = cosine(i, code_[i], rest);
            if (!(cosine(i, code, rest) > present + 1e-12 * std::fabs(present))) continue;
            place(i, code, rest, old_level);
            ++moves;
        }
        return moves;
    }

    int code(int64_t i) const { return code_[static_cast<std::size_t>(i)]; }
    /** The scale that fits the levels to the weights; not positive where the output is 0. */
    float scale() const {
        return energy_ > least_energy * diagonal_ ? static_cast<float>(dot_ / energy_) : 0.0F;
    }

  private:
    /** The vectors without coordinate i. */
    struct Rest {
        double dot;       ///< wᵀHp
        double energy;    ///< pᵀHp
        double product;   ///< (Hp)_i
        double diagonal;  ///< Σ p_j²·H_jj
    };

    double level(int code) const { return code - 0.5 * (problem_.levels() - 1); }
    double dot_with(int32_t i, int code, const Rest& rest) const {
        return rest.dot + level(code) * weight_product_[i];
    }
    double energy_with(int32_t i, int code, const Rest& rest) const {
        return rest.energy + level(code) * (2 * rest.product + level(code) * problem_.gram(i, i));
    }
    double cosine(int32_t i, int code, const Rest& rest) const {
        const double energy = energy_with(i, code, rest);
        const double least = least_energy * diagonal_with(i, code, rest);
        return energy > least ? dot_with(i, code, rest) / std::sqrt(energy) : 0;
    }
    double diagonal_with(int32_t i, int code, const Rest& rest) const {
        return rest.diagonal + level(code) * level(code) * problem_.gram(i, i);
    }
    /**
     * Of levels that are equally good but for rounding, the one nearest to the weight on the grid
     * whose outermost level is the channel's largest. To the first coordinate all levels of one
     * sign are equally good, and the one it takes decides how many levels the others can use.
     */
    int best_code(int32_t i, const Rest& rest) const {
        const double preferred = static_cast<double>(weight_[i]) * level(problem_.levels() - 1) /
                                 static_cast<double>(largest_weight_);
        int best = 0;
        double largest = cosine(i, 0, rest);
        for (int code = 1; code < problem_.levels(); ++code) {
            const double tried = cosine(i, code, rest);
            const double tolerance = 1e-12 * std::fabs(largest);
            const bool better = tried > largest + tolerance;
            const bool nearer =
                std::fabs(level(code) - preferred) < std::fabs(level(best) - preferred);
            if (better || (tried >= largest - tolerance && nearer)) {
                largest = tried;
                best = code;
            }
        }
        return best;
    }

    void place(int32_t i, int code, const Rest& rest, double old_level) {
        dot_ = dot_with(i, code, rest);
        energy_ = energy_with(i, code, rest);
        diagonal_ = diagonal_with(i, code, rest);
        code_[i] = static_cast<uint8_t>(code);
        add_row(problem_.gram.row(i), level(code) - old_level, problem_.in_features(),
                level_product_.data());
    }

    const GroupProblem& problem_;
    const float* weight_;
    float largest_weight_ = 0;
    std::vector<uint8_t> code_;
    std::vector<double> level_product_;   ///< Hp of the levels placed so far
    std::vector<double> weight_product_;  ///< Hw of the weights seen so far
    double dot_ = 0;                      ///< wᵀHp
    double energy_ = 0;                   ///< pᵀHp
    double diagonal_ = 0;                 ///< Σ p_i²·H_ii
};

/**
 * Beacon, arXiv 2508.20293, on full-precision inputs: the codes of a channel minimise the angle
 * between its output and the quantized one, whatever the scale, which follows at the end. The grid
 * is its own, {±½, ±3/2, …}·δ by channel; a channel without output is rounded on its min-max grid.
 * Which of equally good levels to take is our choice; it decides the scale. `sweeps` counts its
 * passes after the first; the paper's order is cyclic.
 */
Solution solve_beacon(const MethodArguments& arguments) {
    const GroupProblem& problem = arguments.problem;
    const QuantizationConfig& config = arguments.config;
    const int64_t n = problem.out_features();
    const int64_t m = problem.in_features();
    const std::vector<float> norm = order_norms(problem);
    Grid grid = minmax_grid(Granularity::per_channel, problem.weight, problem.bits, 1.0);
    Matrix<uint8_t> codes(n, m);
    std::vector<int> sweeps(static_cast<std::size_t>(n));
    tbb::parallel_for(int64_t{0}, n, [&](int64_t j) {
        const std::vector<int32_t> order = channel_order(config.order, problem, norm, j);
        BeaconChannel channel(problem, j);
        channel.begin(order);
        bool moved = true;
        for (; sweeps[j] < config.sweeps && moved; ++sweeps[j]) {
            moved = channel.sweep(order) > 0;
        }
        const bool fitted = channel.scale() > 0 && std::isfinite(channel.scale());
        if (fitted) {
            grid.scale[j] = channel.scale();
            grid.zero_point[j] = -0.5F * static_cast<float>(problem.levels() - 1);
        }
        for (int64_t i = 0; i < m; ++i) {
            const int nearest = grid.levels(j).nearest(static_cast<double>(problem.weight(j, i)));
            codes(j, i) =
                static_cast<uint8_t>(fitted && problem.gram(i, i) > 0 ? channel.code(i) : nearest);
        }
    });
    return {on_grid(std::move(codes), grid), 1 + *std::max_element(sweeps.begin(), sweeps.end())};
}

void require_scales_of_channels(const QuantizationConfig& config) {
    if (config.granularity == Granularity::per_channel) return;
    throw UsageError(
        "quantization.granularity: beacon fits one scale a channel; set per_channel, or choose "
        "another quantization.method");
}

}  // namespace

const MethodEntry beacon_method{
    .name = "beacon",
    .summary = "least angle between outputs, scale at the end (arXiv 2508.20293)",
    .reads = {"granularity", "order", "sweeps"},
    .check = require_scales_of_channels,
    .solve = solve_beacon};

}  // namespace comq
