#include <utility>

#include "quantization/choices.hpp"
#include "quantization/look_ahead.hpp"
#include "quantization/method_factories.hpp"
#include "statistics/statistics.hpp"

namespace comq {
namespace {

/** GPTQ, arXiv 2210.17323, with its defaults: 1% damping; greedy order is its act-order. */
class Gptq final : public Method {
  public:
    explicit Gptq(const QuantizationConfig& config) : config_(config) {}

    std::vector<std::string> required_statistics() const override { return {statistic::gram}; }

    double peak_matrices() const override { return look_ahead_matrices; }

    Solution solve(const GroupProblem& problem) const override {
        check_problem(problem);
        const Grid grid = choose_grid(config_, problem);
        LookAheadOptions options;
        options.order = config_.order;
        Start start = look_ahead_start(problem, grid, options);
        return {on_grid(std::move(start.bit_code), grid), 1};
    }

  private:
    QuantizationConfig config_;
};

}  // namespace

std::unique_ptr<Method> make_gptq(const QuantizationConfig& config,
                                  const DescentFunction& /*descent*/) {
    return std::make_unique<Gptq>(config);
}

}  // namespace comq
