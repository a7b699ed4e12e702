#include "quantization/grid_search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "quantization/layer_error.hpp"

namespace comq {
namespace {

/** A factor on the scale and a shift of the zero point for every channel. */
struct Candidates {
    std::vector<double> factor;
    std::vector<int> shift;
};

class GridSearch {
  public:
    GridSearch(const GroupProblem& problem, const Grid& grid, Granularity granularity)
        : problem_(problem),
          grid_(grid),
          granularity_(granularity),
          best_{std::vector<double>(grid.scale.size(), 1.0),
                std::vector<int>(grid.scale.size(), 0)},
          best_error_(errors(best_)) {}

    Grid run() {
        for (int step = 0; step <= 7; ++step) {
            for (const int shift : {0, -1, 1}) {
                Candidates candidates = best_;
                std::fill(candidates.factor.begin(), candidates.factor.end(), 1.0 - 0.1 * step);
                std::fill(candidates.shift.begin(), candidates.shift.end(), shift);
                consider(candidates);
            }
        }
        for (const double distance : {0.05, 0.025}) {
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

    /** eᵀHe of the rounded weights; of the whole layer in each entry when it has one grid. */
    std::vector<double> errors(const Candidates& candidates) const {
        const Grid grid = scaled(candidates);
        Matrix<float> difference(problem_.out_features(), problem_.in_features());
        for (int64_t j = 0; j < difference.rows(); ++j) {
            const ChannelLevels levels = grid.levels(j);
            const auto scale = static_cast<double>(levels.scale());
            for (int64_t i = 0; i < difference.cols(); ++i) {
                const auto weight = static_cast<double>(problem_.weight(j, i));
                difference(j, i) =
                    static_cast<float>(weight - scale * levels.multiple(levels.nearest(weight)));
            }
        }
        std::vector<double> energies = channel_energies(problem_.gram, difference.view());
        if (granularity_ == Granularity::per_layer) {
            const double sum = std::accumulate(energies.begin(), energies.end(), 0.0);
            std::fill(energies.begin(), energies.end(), sum);
        }
        return energies;
    }

    void consider(const Candidates& candidates) {
        const std::vector<double> error = errors(candidates);
        for (std::size_t j = 0; j < error.size(); ++j) {
            // A factor so small that δ vanishes in fp32 has NaN for its error and never wins.
            if (error[j] < best_error_[j]) {
                best_error_[j] = error[j];
                best_.factor[j] = candidates.factor[j];
                best_.shift[j] = candidates.shift[j];
            }
        }
    }

    const GroupProblem& problem_;
    const Grid& grid_;
    Granularity granularity_;
    Candidates best_;
    std::vector<double> best_error_;
};

}  // namespace

Grid search_grid(const GroupProblem& problem, const Grid& grid, Granularity granularity) {
    return GridSearch(problem, grid, granularity).run();
}

}  // namespace comq
