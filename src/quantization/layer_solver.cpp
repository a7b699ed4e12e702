#include "quantization/layer_solver.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/errors.hpp"

namespace comq {
namespace {

std::string fitted_name(const LayerStatistics& statistics, const std::string& name) {
    const bool weighted =
        name == statistic::gram && statistics.grams.contains(statistic::weighted_gram);
    return weighted ? statistic::weighted_gram : name;
}

/** The triangles that `name` means, of which methods say that they need them. */
const std::vector<PackedTriangle>& grams_of(const LayerStatistics& statistics,
                                            const std::string& name, const std::string& layer) {
    const auto found = statistics.grams.find(fitted_name(statistics, name));
    if (found != statistics.grams.end()) return found->second;
    throw UsageError(
        "layer {}: quantization.method reads the statistic '{}', which is not collected with these "
        "keys of calibration (statistics/statistics.hpp says what collects it)",
        layer, name);
}

}  // namespace

Solution solve_layer(const Method& method, const std::string& layer, MatrixView<const float> weight,
                     const LayerStatistics& statistics, int bits,
                     std::span<const Matrix<double>> input_change) {
    const int64_t groups = statistics.groups;
    COMQ_CHECK(groups > 0 && weight.rows % groups == 0);
    COMQ_CHECK(weight.cols == statistics.in_features);
    const std::vector<std::string> names = method.required_statistics();

    std::vector<Solution> solutions(static_cast<std::size_t>(groups));
    tbb::parallel_for(int64_t{0}, groups, [&](int64_t g) {
        std::map<std::string, Matrix<double>> grams;
        for (const std::string& name : names) {
            grams.emplace(name, grams_of(statistics, name, layer).at(g).unpacked());
        }
        GroupProblem problem;
        problem.layer = layer;
        problem.bits = bits;
        problem.weight = weight.part(g, groups);
        if (!input_change.empty()) {
            problem.input_change = input_change[static_cast<std::size_t>(g)].view();
        }
        for (const auto& [name, gram] : grams) {
            if (name == statistic::gram) {
                problem.gram = gram.view();
            } else {
                problem.further_grams.emplace(name, gram.view());
            }
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
