#include <utility>

#include "quantization/choices.hpp"
#include "quantization/descent.hpp"
#include "quantization/method_factories.hpp"
#include "statistics/statistics.hpp"

namespace comq {
namespace {

/**
 * COMQ, arXiv 2403.07134, in its two variants.
 *
 * `authors_code`: what github.com/AozhongZhang/COMQ does (commit fecf9ea). The min-max grid stays
 * as it is.
 *
 * `paper`: codes and scales alternate (§3.2, equations 8 and 10; Algorithm 1 per layer, Algorithm 2
 * per channel), reconstructed where the text leaves the start open: per channel the authors' grid,
 * per layer the symmetric grid of GPFQ's rule. A sweep that raises the error is undone. The preset
 * decides the grid; whether scales are updated is the config key it sets, `scale_update`.
 *
 * Both begin from the float weights unless the config names another start.
 */
class Comq final : public Method {
  public:
    Comq(const QuantizationConfig& config, DescentFunction descent)
        : config_(config), descend_(std::move(descent)) {
        options_.order = config.order;
        options_.sweeps = config.sweeps;
        options_.scale_update = config.scale_update;
        options_.fit_zero_points = fits_zero_points(config);
        options_.granularity = config.granularity;
        options_.undo_worse_sweeps = config.scale_update == ScaleUpdate::closed_form;
    }

    std::vector<std::string> required_statistics() const override { return {statistic::gram}; }

    double cost_in_sweeps() const override { return config_.sweeps; }

    Solution solve(const GroupProblem& problem) const override {
        check_problem(problem);
        const Grid grid = starting_grid(problem);
        DescentResult result =
            descend_(problem, grid, choose_start(config_, problem, grid), options_);
        return {std::move(result.weight), result.sweeps};
    }

  private:
    Grid starting_grid(const GroupProblem& problem) const {
        if (config_.preset == Preset::paper && config_.granularity == Granularity::per_layer) {
            return choose_grid(
                config_, problem,
                symmetric_grid_per_layer(problem.weight, problem.bits, config_.scalar));
        }
        return choose_grid(config_, problem);
    }

    QuantizationConfig config_;
    DescentFunction descend_;
    DescentOptions options_;
};

}  // namespace

std::unique_ptr<Method> make_comq(const QuantizationConfig& config,
                                  const DescentFunction& descent) {
    return std::make_unique<Comq>(config, descent);
}

}  // namespace comq
