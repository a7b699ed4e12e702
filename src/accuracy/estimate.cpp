#include "accuracy/estimate.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace comq {

namespace {

std::vector<double> ascending(std::span<const double> values) {
    std::vector<double> sorted(values.begin(), values.end());
    std::ranges::sort(sorted);
    return sorted;
}

/** The value of `rank` (from 1), or the nearest that there is. */
double of_rank(const std::vector<double>& sorted, double rank) {
    const double last = static_cast<double>(sorted.size());
    return sorted[static_cast<std::size_t>(std::clamp(rank, 1.0, last)) - 1];
}

}  // namespace

Estimate mean_of(std::span<const double> values) {
    Estimate mean;
    if (values.empty()) return mean;
    const auto n = static_cast<double>(values.size());
    double sum = 0.0;
    for (const double value : values) sum += value;
    mean.value = sum / n;
    if (values.size() < 2) return mean;
    double squares = 0.0;
    for (const double value : values) squares += (value - mean.value) * (value - mean.value);
    mean.standard_error = std::sqrt(squares / (n - 1) / n);
    return mean;
}

Estimate quantile_of(std::span<const double> values, double share) {
    if (values.empty()) return {};
    const auto sorted = ascending(values);
    const double rank = static_cast<double>(sorted.size()) * share;
    const double reach = std::sqrt(rank * (1 - share));
    Estimate quantile{.value = of_rank(sorted, std::ceil(rank))};
    if (sorted.size() > 1) {
        quantile.standard_error =
            (of_rank(sorted, std::ceil(rank + reach)) - of_rank(sorted, std::ceil(rank - reach))) /
            2;
    }
    return quantile;
}

Estimate largest_of(std::span<const double> values) {
    if (values.empty()) return {};
    const auto sorted = ascending(values);
    const auto n = static_cast<double>(sorted.size());
    Estimate largest{.value = sorted.back()};
    if (sorted.size() > 1) {
        largest.standard_error = (n - 1) / n * (sorted.back() - sorted[sorted.size() - 2]);
    }
    return largest;
}

}  // namespace comq
