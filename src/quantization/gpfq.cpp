#include <utility>

#include "calibration/statistics.hpp"
#include "quantization/choices.hpp"
#include "quantization/descent.hpp"
#include "quantization/method_factories.hpp"

namespace comq {
namespace {

/**
 * GPFQ, arXiv 2201.11113, on full-precision inputs: one greedy path over the coordinates, each
 * rounded to make up for the output error so far. That is the first sweep of coordinate descent
 * from the float weights. The paper takes them in the order they are stored in (`order: cyclic`).
 */
class Gpfq final : public Method {
  public:
    explicit Gpfq(const QuantizationConfig& config) : config_(config) {}

    std::vector<std::string> required_statistics() const override { return {statistic::gram}; }

    Solution solve(const GroupProblem& problem) const override {
        check_problem(problem);
        DescentOptions options;
        options.order = config_.order;
        options.granularity = config_.granularity;
        DescentResult result =
            descend(problem, choose_grid(config_, problem), float_start(), options);
        return {std::move(result.weight), result.sweeps};
    }

  private:
    QuantizationConfig config_;
};

}  // namespace

std::unique_ptr<Method> make_gpfq(const QuantizationConfig& config,
                                  const DescentFunction& /*descent*/) {
    return std::make_unique<Gpfq>(config);
}

}  // namespace comq
