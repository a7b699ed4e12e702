#include "passes/divergence_trials.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "core/check.hpp"

namespace comq {

namespace {

constexpr std::size_t fewest_images = 16;
constexpr std::size_t images_between_looks = 8;
constexpr double clear_standard_errors = 2.0;

double mean_of(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

double DivergenceTrials::measure() {
    const std::vector<int64_t>& batches = divergence_.walk().held_out();
    // How many there are affects what is computed and thrown away, not which images decide.
    const auto at_once = static_cast<std::size_t>(divergence_.walk().batches_at_once());
    std::vector<double> seen;
    for (std::size_t first = 0; first < batches.size(); first += at_once) {
        const auto next =
            std::span(batches).subspan(first).first(std::min(at_once, batches.size() - first));
        const auto measured = divergence_.measure_images({next.begin(), next.end()});
        seen.insert(seen.end(), measured.begin(), measured.end());
        if (least_of_images_.empty()) continue;
        if (const auto images = worse_after(seen, least_of_images_)) {
            return least_ + mean_of(std::span(seen).first(*images)) -
                   mean_of(std::span(least_of_images_).first(*images));
        }
    }
    const double mean = mean_of(seen);
    if (least_of_images_.empty() || mean < least_) {
        least_ = mean;
        least_of_images_ = std::move(seen);
    }
    return mean;
}

std::optional<std::size_t> worse_after(std::span<const double> trial,
                                       std::span<const double> least) {
    COMQ_CHECK(trial.size() <= least.size());
    double sum = 0.0, squares = 0.0;
    for (std::size_t i = 0; i < trial.size() && i + 1 < least.size(); ++i) {
        const double difference = trial[i] - least[i];
        sum += difference;
        squares += difference * difference;
        const auto n = static_cast<double>(i + 1);
        if (i + 1 < fewest_images || (i + 1) % images_between_looks != 0) continue;
        const double mean = sum / n;
        const double variance = std::max(0.0, (squares / n - mean * mean) / (n - 1.0));
        if (mean > clear_standard_errors * std::sqrt(variance)) return i + 1;
    }
    return {};
}

}  // namespace comq
