#include "quantization/learned_rounding.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <vector>

#include "core/check.hpp"
#include "core/simd.hpp"
#include "quantization/gram_panels.hpp"
#include "quantization/layer_error.hpp"

namespace comq {
namespace {

// h reaches beyond 0 and 1, so that a weight can be decided, and then has no gradient any more.
constexpr float stretch = 1.2F;
constexpr float overhang = 0.1F;
/** How close to a half h begins where the start has not the code nearest to the float weight. */
constexpr double margin = 0.1;
/** How close to 0 and 1 it begins at most: at the ends it would have no gradient. */
constexpr double decided = 0.01;
/** Adam; steps of 0.003 and 0.03 lead to the same error within 3%. */
constexpr float rate = 1e-2F;
constexpr float first_decay = 0.9F;
constexpr float second_decay = 0.999F;
constexpr float least_root = 1e-8F;
/** β: at first only what is nearly decided is pushed, in the end everything. */
constexpr int first_exponent = 20;
constexpr int last_exponent = 2;
/** Channels that one task takes; no result depends on it. */
constexpr int64_t batch_size = 32;
/** Weights that go through a step of Adam together, in the L1 cache. */
constexpr int64_t tile = 64;

/** e^x to 2e-7 of itself, |x| ≤ 20; compiled into the kernel that calls it. */
inline float exponential(float x) {
    const float power = x * 1.44269504F;
    const float whole = (power + 12582912.0F) - 12582912.0F;
    const float f = power - whole;
    const float fraction =
        1.0F +
        f * (0.69314718F +
             f * (0.24022651F +
                  f * (0.05550411F + f * (0.00961813F + f * (0.00133336F + f * 0.00015404F)))));
    return fraction * std::bit_cast<float>((static_cast<int32_t>(whole) + 127) << 23);
}

/** √x to 1e-6 of itself, x ≥ 0: std::sqrt, which may set errno, keeps loops from vectors. */
inline float square_root(float x) {
    float inverse = std::bit_cast<float>(0x5f3759df - (std::bit_cast<int32_t>(x) >> 1));
    for (int k = 0; k < 3; ++k) inverse *= 1.5F - 0.5F * x * inverse * inverse;
    return x * inverse;
}

float logit_of(double h) {
    const double sigma = (h + static_cast<double>(overhang)) / static_cast<double>(stretch);
    return static_cast<float>(std::log(sigma / (1.0 - sigma)));
}

/** β of an iteration, in whole steps: powers are products then. */
int exponent_of(int iteration, int iterations) {
    const double progress = iterations > 1 ? static_cast<double>(iteration) / (iterations - 1) : 1;
    return first_exponent -
           static_cast<int>(std::lround(progress * (first_exponent - last_exponent)));
}

/** Neighbouring channels while they are trained. All arrays are [channels, m]. */
class ChannelBatch {
  public:
    ChannelBatch(const GroupProblem& problem, const Grid& grid, const Start& start, int64_t first,
                 int64_t count)
        : problem_(problem),
          first_(first),
          lower_(count, problem.in_features()),
          scale_(count, problem.in_features()),
          distance_(count, problem.in_features()),
          logit_(count, problem.in_features()),
          h_(count, problem.in_features()),
          slope_(count, problem.in_features()),
          error_(count, problem.in_features()),
          mean_(count, problem.in_features()),
          square_(count, problem.in_features()) {
        for (int64_t c = 0; c < count; ++c) begin(grid, start, c);
    }

    /** `unit`: of a channel's loss, [channels]; 0 where it has none. */
    void train(const GramPanels& gram, const std::vector<double>& unit,
               const LearnedRoundingOptions& options) {
        double first_power = 1, second_power = 1;
        for (int t = 0; t < options.iterations; ++t) {
            place();
            const Matrix<double> product = gram_products(gram, error_.view());
            first_power *= static_cast<double>(first_decay);
            second_power *= static_cast<double>(second_decay);
            const Step step{
                .exponent = exponent_of(t, options.iterations),
                .regularization = static_cast<float>(options.regularization),
                .first = static_cast<float>(static_cast<double>(rate) / (1.0 - first_power)),
                .second = static_cast<float>(1.0 / (1.0 - second_power))};
            for (int64_t c = 0; c < product.rows(); ++c) {
                // Error is in units of the Gram's panels, and its gradient −2·δ·He.
                const double factor = unit[static_cast<std::size_t>(c)] > 0
                                          ? -2.0 * gram.unit() / unit[static_cast<std::size_t>(c)]
                                          : 0.0;
                move(step, product.row(c), factor, c);
            }
        }
        place();
    }

    /** The nearer of both codes, and how many h are not at one of them; returns how many. */
    int64_t round_into(Matrix<uint8_t>& bit_code) const {
        int64_t undecided = 0;
        for (int64_t c = 0; c < h_.rows(); ++c) {
            for (int64_t i = 0; i < h_.cols(); ++i) {
                const bool dead = !(problem_.gram(i, i) > 0);
                const float h = dead ? nearest_end(c, i) : h_(c, i);
                const int up = h >= 0.5F ? 1 : 0;
                bit_code(first_ + c, i) = static_cast<uint8_t>(lower_(c, i) + up);
                if (h > 0.01F && h < 0.99F) ++undecided;
            }
        }
        return undecided;
    }

  private:
    struct Step {
        int exponent;
        float regularization;
        float first;   ///< rate / (1 − β1^t)
        float second;  ///< 1 / (1 − β2^t)
    };

    float nearest_end(int64_t c, int64_t i) const {
        return distance_(c, i) >= 0.5F * scale_(c, i) ? 1.0F : 0.0F;
    }

    void begin(const Grid& grid, const Start& start, int64_t c) {
        const int64_t width = problem_.in_features() / grid.groups;
        for (int64_t i = 0; i < problem_.in_features(); ++i) {
            const ChannelLevels levels = grid.levels(first_ + c, i / width);
            const auto weight = static_cast<double>(problem_.weight(first_ + c, i));
            const double target = weight * levels.inverse_scale() - levels.zero_point();
            double lower = std::floor(target);
            if (!start.is_float()) {
                const int code = start.bit_code(first_ + c, i);
                lower = target < code ? code - 1 : code;
            }
            lower = std::clamp(lower, 0.0, static_cast<double>(grid.top_code() - 1));
            double h = target - lower;
            if (!start.is_float()) {
                const bool up = start.bit_code(first_ + c, i) > lower;
                h = up ? std::max(h, 0.5 + margin) : std::min(h, 0.5 - margin);
            }
            lower_(c, i) = static_cast<uint8_t>(lower);
            scale_(c, i) = levels.scale();
            distance_(c, i) = static_cast<float>(weight - static_cast<double>(levels.scale()) *
                                                              (lower + levels.zero_point()));
            logit_(c, i) = logit_of(std::clamp(h, decided, 1.0 - decided));
        }
    }

    /** h, dh/dV and e of V. */
    void place() {
        const int64_t size = h_.rows() * h_.cols();
        const float* logit = logit_.data();
        const float* distance = distance_.data();
        const float* scale = scale_.data();
        float *h = h_.data(), *slope = slope_.data(), *error = error_.data();
        run_vectorized([=](auto) {
            for (int64_t k = 0; k < size; ++k) {
                const float v = std::min(std::max(logit[k], -20.0F), 20.0F);
                const float sigma = 1.0F / (1.0F + exponential(-v));
                const float raw = stretch * sigma - overhang;
                const float clipped = std::min(std::max(raw, 0.0F), 1.0F);
                h[k] = clipped;
                const float inside = raw == clipped ? 1.0F : 0.0F;
                slope[k] = inside * (stretch * sigma * (1.0F - sigma));
                error[k] = distance[k] - scale[k] * clipped;
            }
        });
    }

    /** A step of Adam of channel c, whose loss has the gradient factor·δ·product by h. */
    void move(const Step& step, const double* product, double factor, int64_t c) {
        const int64_t m = h_.cols();
        const float *h = h_.row(c), *slope = slope_.row(c), *scale = scale_.row(c);
        float *logit = logit_.row(c), *mean = mean_.row(c), *square = square_.row(c);
        const float push = -2.0F * step.regularization * static_cast<float>(step.exponent);
        run_vectorized([=](auto) {
            float power[tile];  // sign·|2h − 1|^(β−1)
            float magnitude[tile];
            float gradient[tile];
            for (int64_t first = 0; first < m; first += tile) {
                const int64_t count = std::min(tile, m - first);
                for (int64_t i = 0; i < count; ++i) {
                    power[i] = 2.0F * h[first + i] - 1.0F;
                    magnitude[i] = std::fabs(power[i]);
                }
                for (int k = 2; k < step.exponent; ++k) {
                    for (int64_t i = 0; i < count; ++i) power[i] *= magnitude[i];
                }
                for (int64_t i = 0; i < count; ++i) {
                    gradient[i] =
                        slope[first + i] *
                        (static_cast<float>(factor * product[first + i]) * scale[first + i] +
                         push * power[i]);
                }
                for (int64_t i = 0; i < count; ++i) {
                    mean[first + i] += (1.0F - first_decay) * (gradient[i] - mean[first + i]);
                }
                for (int64_t i = 0; i < count; ++i) {
                    square[first + i] +=
                        (1.0F - second_decay) * (gradient[i] * gradient[i] - square[first + i]);
                    magnitude[i] = square_root(square[first + i] * step.second) + least_root;
                }
                for (int64_t i = 0; i < count; ++i) {
                    logit[first + i] -= step.first * mean[first + i] / magnitude[i];
                }
            }
        });
    }

    const GroupProblem& problem_;
    int64_t first_;
    Matrix<uint8_t> lower_;   ///< q
    Matrix<float> scale_;     ///< δ
    Matrix<float> distance_;  ///< w − δ(q + z)
    Matrix<float> logit_;     ///< V
    Matrix<float> h_;
    Matrix<float> slope_;  ///< dh/dV
    Matrix<float> error_;  ///< e
    Matrix<float> mean_;   ///< of gradients
    Matrix<float> square_;
};

}  // namespace

LearnedRounding learn_rounding(const GroupProblem& problem, const Grid& grid, const Start& start,
                               const LearnedRoundingOptions& options) {
    const int64_t n = problem.out_features(), m = problem.in_features();
    COMQ_CHECK(grid.channels() == n && m % grid.groups == 0);
    COMQ_CHECK(start.is_float() || (start.bit_code.rows() == n && start.bit_code.cols() == m));
    std::vector<double> unit = squared_channel_errors(
        problem.gram, problem.weight, on_grid(rtn_start(problem.weight, grid).bit_code, grid));
    for (double& value : unit) value /= static_cast<double>(m);
    const GramPanels gram(problem.gram);
    LearnedRounding result{Matrix<uint8_t>(n, m)};
    std::atomic<int64_t> undecided = 0;
    tbb::parallel_for(int64_t{0}, (n + batch_size - 1) / batch_size, [&](int64_t b) {
        const int64_t first = b * batch_size, count = std::min(batch_size, n - first);
        ChannelBatch batch(problem, grid, start, first, count);
        batch.train(gram, {unit.begin() + first, unit.begin() + first + count}, options);
        undecided += batch.round_into(result.bit_code);
    });
    result.undecided = undecided;
    return result;
}

}  // namespace comq
