#include "table/measurement.hpp"

#include <cmath>

#include "core/check.hpp"

namespace comq {

std::optional<Measurement> measured(const Figure& figure, const RunRecord& run) {
    const double value = figure.value(run);
    if (std::isnan(value)) return std::nullopt;
    const bool has_error = figure.standard_error != nullptr;
    return Measurement{value, has_error ? figure.standard_error(run) : not_measured};
}

Measurement mean_of(const std::vector<Measurement>& runs) {
    COMQ_CHECK(!runs.empty());
    if (runs.size() == 1) return runs.front();
    const auto count = static_cast<double>(runs.size());
    double mean = 0;
    for (const auto& run : runs) mean += run.value / count;
    double squares = 0;
    for (const auto& run : runs) squares += (run.value - mean) * (run.value - mean);
    return {mean, std::sqrt(squares / (count - 1) / count)};
}

}  // namespace comq
