#include "quantization/grid_search.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "quantization/layer_error.hpp"

namespace comq {
namespace {

/** The errors by which each scale of a grid is judged, [n, groups] as the scales are. */
using GridErrors = std::function<std::vector<double>(const Grid&)>;

/** A factor on each scale and a shift of its zero point. */
struct Candidates {
    std::vector<double> factor;
    std::vector<double> shift;
};

class GridSearch {
  public:
    GridSearch(const Grid& grid, const GridSearchOptions& options, GridErrors errors)
        : grid_(grid),
          options_(options),
          judge_(std::move(errors)),
          best_{std::vector<double>(grid.scale.size(), 1.0),
                std::vector<double>(grid.scale.size(), 0)},
          best_error_(errors_of(best_)) {}

    Grid run() {
        const std::vector<double> factors =
            options_.thorough ? std::vector<double>{1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3}
                              : std::vector<double>{1.0, 0.85, 0.7, 0.55, 0.4};
        const double spacing = factors[0] - factors[1];
        for (const double factor : factors) {
            Candidates candidates = best_;
            std::fill(candidates.factor.begin(), candidates.factor.end(), factor);
            std::fill(candidates.shift.begin(), candidates.shift.end(), 0.0);
            if (factor < 1.0) consider(candidates);  // 1 is judged already
            if (options_.thorough) consider_shifts(candidates);
        }
        if (!options_.thorough) consider_shifts(Candidates(best_));
        for (const double distance : {spacing / 2, spacing / 4}) {
            const Candidates centre = best_;
            for (const double change : {-distance, distance}) {
                Candidates candidates = centre;
                for (double& factor : candidates.factor) factor += change;
                consider(candidates);
            }
        }
        return scaled(best_);
    }

  private:
    Grid scaled(const Candidates& candidates) const {
        Grid grid = grid_;
        for (std::size_t j = 0; j < grid.scale.size(); ++j) {
            grid.scale[j] =
                static_cast<float>(candidates.factor[j] * static_cast<double>(grid_.scale[j]));
            grid.zero_point[j] += static_cast<float>(candidates.shift[j]);
        }
        return grid;
    }

    /** The error by each scale; that of the whole layer in each entry when it has one grid. */
    std::vector<double> errors_of(const Candidates& candidates) const {
        std::vector<double> errors = judge_(scaled(candidates));
        if (options_.granularity == Granularity::per_layer) {
            const double sum = std::accumulate(errors.begin(), errors.end(), 0.0);
            std::fill(errors.begin(), errors.end(), sum);
        }
        return errors;
    }

    /** `centre` with its zero points up to one level lower and higher. */
    void consider_shifts(const Candidates& centre) {
        if (options_.zero_step == 0) return;
        for (double shift = options_.zero_step; shift <= 1; shift += options_.zero_step) {
            for (const double change : {-shift, shift}) {
                Candidates candidates = centre;
                for (double& value : candidates.shift) value += change;
                consider(candidates);
            }
        }
    }

    void consider(const Candidates& candidates) {
        const std::vector<double> error = errors_of(candidates);
        for (std::size_t j = 0; j < error.size(); ++j) {
            // A factor so small that δ vanishes in fp32 has NaN for its error and never wins.
            if (error[j] < best_error_[j]) {
                best_error_[j] = error[j];
                best_.factor[j] = candidates.factor[j];
                best_.shift[j] = candidates.shift[j];
            }
        }
    }

    const Grid& grid_;
    const GridSearchOptions& options_;
    const GridErrors judge_;
    Candidates best_;
    std::vector<double> best_error_;
};

std::vector<double> rounding_errors(const GroupProblem& problem, const Grid& grid) {
    const int64_t n = problem.out_features();
    COMQ_CHECK(grid.channels() == n && problem.in_features() % grid.groups == 0);
    const int64_t width = problem.in_features() / grid.groups;
    std::vector<double> errors(grid.scale.size());
    Matrix<float> difference(n, width);
    for (int64_t g = 0; g < grid.groups; ++g) {
        const int64_t first = g * width;
        for (int64_t j = 0; j < n; ++j) {
            const ChannelLevels levels = grid.levels(j, g);
            const auto scale = static_cast<double>(levels.scale());
            for (int64_t i = 0; i < width; ++i) {
                const auto weight = static_cast<double>(problem.weight(j, first + i));
                difference(j, i) =
                    static_cast<float>(weight - scale * levels.multiple(levels.nearest(weight)));
            }
        }
        const std::vector<double> energies =
            channel_energies({problem.gram.row(first) + first, width, width, problem.gram.stride},
                             difference.view());
        for (int64_t j = 0; j < n; ++j) errors[j * grid.groups + g] = energies[j];
    }
    return errors;
}

}  // namespace

Grid search_grid(const GroupProblem& problem, const Grid& grid, const GridSearchOptions& options) {
    const auto errors = [&](const Grid& tried) { return rounding_errors(problem, tried); };
    return GridSearch(grid, options, errors).run();
}

Grid search_grid(const LookAhead& look_ahead, const Grid& grid, const GridSearchOptions& options) {
    COMQ_CHECK(grid.groups == 1);
    GridSearchOptions fewer = options;
    fewer.thorough = false;
    const auto errors = [&](const Grid& tried) { return look_ahead.run(tried).squared_error; };
    return GridSearch(grid, fewer, errors).run();
}

}  // namespace comq
