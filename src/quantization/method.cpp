#include "quantization/method.hpp"

#include <fmt/ranges.h>

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.hpp"
#include "core/errors.hpp"
#include "core/nearest_name.hpp"
#include "quantization/methods.hpp"

namespace comq {
namespace {

/** What decides which layers are quantized, with how many bits and by what: read by every run. */
constexpr std::string_view keys_of_the_plan[] = {"method", "bits", "average_bits", "bits_criterion",
                                                 "layers"};

const std::vector<const MethodEntry*>& methods() {
#define COMQ_LIST_METHOD(method) &method,
    static const std::vector<const MethodEntry*> all{COMQ_METHODS(COMQ_LIST_METHOD)};
#undef COMQ_LIST_METHOD
    return all;
}

/** None when there is no such method. */
const MethodEntry* look_up(const std::string& name) {
    const auto found = std::ranges::find(methods(), name, &MethodEntry::name);
    return found == methods().end() ? nullptr : *found;
}

const MethodEntry& find_method(const std::string& name) {
    const MethodEntry* entry = look_up(name);
    if (entry == nullptr) {
        throw UsageError("unknown method '{}'; did you mean '{}'? Known: {}", name,
                         nearest_name(name, method_names()), fmt::join(method_names(), ", "));
    }
    return *entry;
}

bool reads(const MethodEntry& method, std::string_view key) {
    return std::ranges::find(keys_of_the_plan, key) != std::end(keys_of_the_plan) ||
           std::ranges::find(method.reads, key) != method.reads.end();
}

template <typename T>
bool all_finite(const T* values, int64_t count) {
    return std::all_of(values, values + count, [](T value) { return std::isfinite(value); });
}

/** Throws what Method::solve throws. */
void check_problem(const GroupProblem& problem) {
    const int64_t m = problem.in_features();
    COMQ_CHECK(problem.gram.rows == m && problem.gram.cols == m);
    COMQ_CHECK(problem.column_norm.empty() || std::ssize(problem.column_norm) == m);
    if (problem.bits < 2 || problem.bits > 8) {
        throw UsageError("layer '{}': {} bits; a weight can have 2 to 8", problem.layer,
                         problem.bits);
    }
    for (int64_t j = 0; j < problem.out_features(); ++j) {
        if (!all_finite(problem.weight.row(j), m)) {
            throw InputError(
                "layer '{}': output channel {} has a NaN or infinite weight; "
                "check the checkpoint",
                problem.layer, j);
        }
    }
    for (int64_t i = 0; i < m; ++i) {
        if (!all_finite(problem.gram.row(i), m)) {
            throw InputError(
                "layer '{}': Gram row {} is NaN or infinite, so its inputs were; check the "
                "calibration images and the checkpoint",
                problem.layer, i);
        }
    }
}

/** What a method is fitted to: the weighted Gram where there is one. */
const std::vector<PackedTriangle>& fitted_grams(const LayerStatistics& statistics) {
    const auto weighted = statistics.grams.find(statistic::weighted_gram);
    return weighted != statistics.grams.end() ? weighted->second
                                              : statistics.grams.at(statistic::gram);
}

}  // namespace

Method::Method(const MethodEntry& entry, const QuantizationConfig& config, DescentFunction descend)
    : entry_(entry), config_(config), descend_(std::move(descend)) {
    entry_.check(config_);
}

Solution Method::solve(const GroupProblem& problem) const {
    check_problem(problem);
    return entry_.solve({problem, config_, descend_});
}

double Method::cost_in_sweeps() const {
    const double sweeps = entry_.cost.sweeps > 0 ? entry_.cost.sweeps : config_.sweeps;
    return sweeps + entry_.cost.iteration * config_.iterations;
}

double Method::peak_matrices() const {
    const bool looks_ahead = (reads(entry_, "grid") && config_.grid == GridChoice::look_ahead) ||
                             (reads(entry_, "start") && (config_.start == StartChoice::look_ahead ||
                                                         config_.start == StartChoice::comq_plus));
    return looks_ahead ? std::max(entry_.cost.matrices, MethodCost::look_ahead_matrices)
                       : entry_.cost.matrices;
}

std::unique_ptr<Method> make_method(const QuantizationConfig& config,
                                    const DescentFunction& descend) {
    return std::make_unique<Method>(find_method(config.method), config, descend);
}

bool codes_depend_on_rows(const QuantizationConfig& config) {
    const MethodEntry* method = look_up(config.method);
    return method == nullptr || config.average_bits || method->reads_gram(config);
}

std::vector<std::string> method_names() {
    std::vector<std::string> names;
    for (const MethodEntry* method : methods()) names.push_back(method->name);
    return names;
}

std::string_view method_summary(const std::string& name) { return find_method(name).summary; }

bool method_reads(const std::string& method, std::string_view key) {
    const MethodEntry* entry = look_up(method);
    return entry == nullptr || reads(*entry, key);
}

std::vector<std::string> methods_that_read(std::string_view key) {
    std::vector<std::string> names = method_names();
    std::erase_if(names, [&](const std::string& name) { return !method_reads(name, key); });
    return names;
}

Solution solve_by_group(const std::string& layer, MatrixView<const float> weight,
                        const LayerStatistics& statistics, int bits, const GroupSolver& solve) {
    const std::vector<PackedTriangle>& grams = fitted_grams(statistics);
    const int64_t groups = std::ssize(grams);
    COMQ_CHECK(groups > 0 && groups % statistics.groups == 0 && weight.rows % groups == 0);
    COMQ_CHECK(weight.cols == statistics.in_features);

    std::vector<Solution> solutions(static_cast<std::size_t>(groups));
    tbb::parallel_for(int64_t{0}, groups, [&](int64_t g) {
        const Matrix<double> gram = grams[static_cast<std::size_t>(g)].unpacked();
        GroupProblem problem;
        problem.layer = layer;
        problem.bits = bits;
        problem.weight = weight.part(g, groups);
        problem.gram = gram.view();
        solutions[g] = solve(problem, g);
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

Solution solve_layer(const Method& method, const std::string& layer, MatrixView<const float> weight,
                     const LayerStatistics& statistics, int bits,
                     std::span<const Matrix<double>> input_change) {
    return solve_by_group(layer, weight, statistics, bits, [&](GroupProblem& problem, int64_t g) {
        if (!input_change.empty()) {
            problem.input_change = input_change[static_cast<std::size_t>(g)].view();
        }
        return method.solve(problem);
    });
}

}  // namespace comq
