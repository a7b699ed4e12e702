#include "quantization/method.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/errors.hpp"
#include "core/nearest_name.hpp"
#include "quantization/choices.hpp"
#include "quantization/method_factories.hpp"

namespace comq {
namespace {

struct MethodEntry {
    std::string_view name;
    std::string_view summary;
    std::unique_ptr<Method> (*make)(const QuantizationConfig&, const DescentFunction&);
    bool (*reads_rows)(const QuantizationConfig&) = [](const QuantizationConfig&) { return true; };
};

constexpr std::array methods{
    MethodEntry{"beacon", "least angle between outputs, scale at the end (arXiv 2508.20293)",
                &make_beacon},
    MethodEntry{"comq", "coordinate descent on the layer output (arXiv 2403.07134)", &make_comq},
    MethodEntry{"comq_plus",
                "coordinate descent from the best of several starts, grid and scales fitted",
                &make_comq_plus},
    MethodEntry{"gpfq", "greedy path following (arXiv 2201.11113)", &make_gpfq},
    MethodEntry{"gptq", "rounding with look-ahead through the Cholesky factor (arXiv 2210.17323)",
                &make_gptq},
    MethodEntry{"rtn", "round to nearest", &make_rtn, &searches_grid},
};

/** None when there is no such method. */
const MethodEntry* look_up(const std::string& name) {
    const auto* entry =
        std::find_if(methods.begin(), methods.end(),
                     [&](const MethodEntry& method) { return method.name == name; });
    return entry == methods.end() ? nullptr : entry;
}

const MethodEntry& find_method(const std::string& name) {
    const MethodEntry* entry = look_up(name);
    if (entry == nullptr) {
        throw UsageError("unknown method '{}'; did you mean '{}'? Known: {}", name,
                         nearest_name(name, method_names()), fmt::join(method_names(), ", "));
    }
    return *entry;
}

}  // namespace

std::unique_ptr<Method> make_method(const QuantizationConfig& config,
                                    const DescentFunction& descent) {
    return find_method(config.method).make(config, descent);
}

bool codes_depend_on_rows(const QuantizationConfig& config) {
    const MethodEntry* method = look_up(config.method);
    return method == nullptr || config.average_bits || method->reads_rows(config);
}

std::vector<std::string> method_names() {
    std::vector<std::string> names;
    for (const MethodEntry& method : methods) names.emplace_back(method.name);
    std::sort(names.begin(), names.end());
    return names;
}

std::string_view method_summary(const std::string& name) { return find_method(name).summary; }

}  // namespace comq
