#include "quantization/choices.hpp"
#include "quantization/method_factories.hpp"
#include "quantization/start.hpp"
#include "statistics/statistics.hpp"

namespace comq {
namespace {

/** Every weight on the nearest level of the grid; the Gram serves only where that is searched. */
class RoundToNearest final : public Method {
  public:
    explicit RoundToNearest(const QuantizationConfig& config) : config_(config) {}

    std::vector<std::string> required_statistics() const override { return {statistic::gram}; }

    Solution solve(const GroupProblem& problem) const override {
        check_problem(problem);
        const Grid grid = choose_grid(config_, problem);
        return {on_grid(rtn_start(problem.weight, grid).bit_code, grid), 0};
    }

  private:
    QuantizationConfig config_;
};

}  // namespace

std::unique_ptr<Method> make_rtn(const QuantizationConfig& config,
                                 const DescentFunction& /*descent*/) {
    return std::make_unique<RoundToNearest>(config);
}

}  // namespace comq
