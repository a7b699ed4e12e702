#include "quantization/method.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

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
    return entry_.cost.sweeps > 0 ? entry_.cost.sweeps : config_.sweeps;
}

double Method::peak_matrices() const {
    const bool looks_ahead = (reads(entry_, "grid") && config_.grid == GridChoice::look_ahead) ||
                             (reads(entry_, "start") && config_.start == StartChoice::look_ahead);
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

}  // namespace comq
