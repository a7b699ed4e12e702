#include "quantization/layer_solver.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/check.hpp"

namespace comq {
namespace {

/** What a method is fitted to: the weighted Gram where there is one. */
const std::vector<PackedTriangle>& fitted_grams(const LayerStatistics& statistics) {
    const auto weighted = statistics.grams.find(statistic::weighted_gram);
    return weighted != statistics.grams.end() ? weighted->second
                                              : statistics.grams.at(statistic::gram);
}

}  // namespace

Solution solve_layer(const Method& method, const std::string& layer, MatrixView<const float> weight,
                     const LayerStatistics& statistics, int bits,
                     std::span<const Matrix<double>> input_change) {
    const int64_t groups = statistics.groups;
    COMQ_CHECK(groups > 0 && weight.rows % groups == 0);
    COMQ_CHECK(weight.cols == statistics.in_features);
    const std::vector<PackedTriangle>& grams = fitted_grams(statistics);
    COMQ_CHECK(std::ssize(grams) == groups);

    std::vector<Solution> solutions(static_cast<std::size_t>(groups));
    tbb::parallel_for(int64_t{0}, groups, [&](int64_t g) {
        const Matrix<double> gram = grams[static_cast<std::size_t>(g)].unpacked();
        GroupProblem problem;
        problem.layer = layer;
        problem.bits = bits;
        problem.weight = weight.part(g, groups);
        problem.gram = gram.view();
        if (!input_change.empty()) {
            problem.input_change = input_change[static_cast<std::size_t>(g)].view();
        }
        solutions[g] = method.solve(problem);
    });
    if (groups == 1) return std::move(solutions.front());

    std::vector<QuantizedWeight> parts;
    Solution whole;
    for (Solution& solution : solutions) {
        whole.sweeps = std::max(whole.sweeps, solution.sweeps);
        parts.push_back(std::move(solution.weight));
    }
    whole.weight = concatenate_channels(parts);
    return whole;
}

}  // namespace comq
