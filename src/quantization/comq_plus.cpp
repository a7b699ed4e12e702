#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "quantization/choices.hpp"
#include "quantization/descent.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/look_ahead.hpp"
#include "quantization/methods.hpp"

namespace comq {
namespace {

/** Codes on a grid and what they leave of each channel, eᵀHe. */
struct Candidate {
    Grid grid;
    Matrix<uint8_t> bit_code;
    std::vector<double> squared_error;
};

Candidate candidate_of(const GroupProblem& problem, const Grid& grid, Matrix<uint8_t> bit_code) {
    QuantizedWeight weight = on_grid(std::move(bit_code), grid);
    std::vector<double> squared = squared_channel_errors(problem.gram, problem.weight, weight);
    return {grid, std::move(weight.bit_code), std::move(squared)};
}

void take_channel(Candidate& best, const Candidate& other, int64_t j) {
    const int64_t groups = best.grid.groups;
    std::copy_n(&other.grid.scale[j * groups], groups, &best.grid.scale[j * groups]);
    std::copy_n(&other.grid.zero_point[j * groups], groups, &best.grid.zero_point[j * groups]);
    std::copy_n(other.bit_code.row(j), best.bit_code.cols(), best.bit_code.row(j));
    best.squared_error[j] = other.squared_error[j];
}

double total(const Candidate& candidate) {
    return std::accumulate(candidate.squared_error.begin(), candidate.squared_error.end(), 0.0);
}

/** Descent ended by itself within 50 sweeps wherever it was tried; this only bounds it. */
constexpr int most_sweeps = 100;
/** With more levels a pair gains next to nothing that single coordinates do not. */
constexpr int most_bits_with_pairs = 3;
/** The first gained 1.6% of DeiT-Tiny's error at 2 bits, the second 0.3%. */
constexpr int most_pair_sweeps = 2;

/** The best that any start and any descent gave so far, of each channel or of the layer. */
class BestCandidate {
  public:
    BestCandidate(const MethodArguments& arguments, Candidate first)
        : arguments_(arguments), best_(std::move(first)) {}

    const Candidate& get() const { return best_; }
    int sweeps() const { return sweeps_; }

    void consider(const Candidate& candidate) {
        if (arguments_.config.granularity == Granularity::per_layer) {
            if (total(candidate) < total(best_)) best_ = candidate;
            return;
        }
        for (int64_t j = 0; j < arguments_.problem.out_features(); ++j) {
            if (candidate.squared_error[j] < best_.squared_error[j]) {
                take_channel(best_, candidate, j);
            }
        }
    }

    void descend_from(const Grid& from, const Start& start, const DescentOptions& options) {
        DescentResult result = arguments_.descend(arguments_.problem, from, start, options);
        sweeps_ = std::max(sweeps_, result.sweeps);
        Grid fitted = from;
        fitted.scale.assign(result.weight.scale.data(),
                            result.weight.scale.data() + fitted.scale.size());
        fitted.zero_point.assign(result.weight.zero_point.data(),
                                 result.weight.zero_point.data() + fitted.scale.size());
        consider(candidate_of(arguments_.problem, fitted, std::move(result.weight.bit_code)));
    }

  private:
    const MethodArguments& arguments_;
    Candidate best_;
    int sweeps_ = 0;
};

/**
 * Our own method. The grid is searched on the error that GPTQ's look-ahead leaves with it; descent
 * with closed-form scales runs from look-ahead and from the float weights (COMQ's start) until
 * nothing moves; the best of these and of rounding to nearest on both grids goes through a last
 * descent, which at 3 bits or fewer also moves pairs. Every start is itself a candidate, so the
 * result is never worse than the best of them, whatever descent does.
 */
Solution solve_comq_plus(const MethodArguments& arguments) {
    const GroupProblem& problem = arguments.problem;
    const QuantizationConfig& config = arguments.config;
    const Grid unsearched = unsearched_grid(config, problem);
    const LookAhead look_ahead(problem, {});
    const bool searches_by_look_ahead =
        config.grid == GridChoice::automatic || config.grid == GridChoice::look_ahead;
    QuantizationConfig of_grid = config;
    if (searches_by_look_ahead) of_grid.grid = GridChoice::look_ahead;
    const Grid grid = searches_by_look_ahead && unsearched.groups == 1
                          ? search_grid(look_ahead, unsearched, grid_search_options(config))
                          : choose_grid(of_grid, problem, unsearched);
    BestCandidate best(arguments, candidate_of(problem, unsearched,
                                               rtn_start(problem.weight, unsearched).bit_code));
    const auto begins_from = [&](StartChoice start) {
        return config.start == StartChoice::automatic || config.start == start;
    };
    if (begins_from(StartChoice::rtn)) {
        best.consider(candidate_of(problem, grid, rtn_start(problem.weight, grid).bit_code));
    }
    std::vector<std::pair<Grid, Start>> starts;
    if (begins_from(StartChoice::look_ahead)) {
        // The best scale after descent is near the best one before it, but not the same.
        for (const float factor : {1.0F, 0.94F, 1.06F}) {
            Grid scaled = grid;
            for (float& scale : scaled.scale) scale *= factor;
            Start start = look_ahead.run(scaled).start;
            best.consider(candidate_of(problem, scaled, start.bit_code));
            starts.emplace_back(std::move(scaled), std::move(start));
        }
    }
    const double best_start = total(best.get());
    if (begins_from(StartChoice::weights)) starts.emplace_back(grid, float_start());
    DescentOptions options{.order = config.order,
                           .sweeps = most_sweeps,
                           .scale_update = ScaleUpdate::closed_form,
                           .fit_zero_points = fits_zero_points(config),
                           .granularity = config.granularity,
                           .undo_worse_sweeps = true};
    for (const auto& [from, start] : starts) best.descend_from(from, start, options);

    if (problem.bits <= most_bits_with_pairs) options.pair_sweeps = most_pair_sweeps;
    const Candidate before = best.get();
    best.descend_from(before.grid, Start{before.bit_code}, options);
    const double left = total(candidate_of(problem, best.get().grid, best.get().bit_code));
    COMQ_CHECK(left <= best_start + 1e-9 * std::abs(best_start),
               "layer '{}': squared error {} behind a start of {}", problem.layer, left,
               best_start);
    return {on_grid(best.get().bit_code, best.get().grid), best.sweeps()};
}

}  // namespace

const MethodEntry comq_plus_method{
    .name = "comq_plus",
    .summary = "coordinate descent from the best of several starts, grid and scales fitted",
    .reads = grid_keys({"start", "order"}),
    // Measured: 7 (4 bits) to 10 times (2 bits, with pairs) COMQ with four sweeps.
    .cost = {.sweeps = 40.0, .matrices = MethodCost::look_ahead_matrices},
    .check = check_descent_start,
    .solve = solve_comq_plus};

}  // namespace comq
