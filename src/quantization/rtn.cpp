#include "calibration/statistics.hpp"
#include "quantization/grid.hpp"
#include "quantization/method_factories.hpp"
#include "quantization/start.hpp"

namespace comq {
namespace {

/** Every weight on the nearest level of the min-max grid; the Gram is only measured with. */
class RoundToNearest final : public Method {
  public:
    explicit RoundToNearest(const QuantizationConfig& config) : config_(config) {}

    std::vector<std::string> required_statistics() const override { return {statistic::gram}; }

    Solution solve(const GroupProblem& problem) const override {
        check_problem(problem);
        const Grid grid =
            minmax_grid(config_.granularity, problem.weight, problem.bits, config_.scalar);
        return {on_grid(rtn_start(problem.weight, grid).bit_code, grid), 0};
    }

  private:
    QuantizationConfig config_;
};

}  // namespace

std::unique_ptr<Method> make_rtn(const QuantizationConfig& config) {
    return std::make_unique<RoundToNearest>(config);
}

}  // namespace comq
