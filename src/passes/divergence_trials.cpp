#include "passes/divergence_trials.hpp"

#include <algorithm>
#include <cstdint>

#include "accuracy/estimate.hpp"
#include "core/check.hpp"

namespace comq {

namespace {

constexpr std::size_t fewest_images = 16;
constexpr std::size_t images_between_looks = 8;
constexpr double clear_standard_errors = 2.0;

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
            return least_ + mean_of(std::span(seen).first(*images)).value -
                   mean_of(std::span(least_of_images_).first(*images)).value;
        }
    }
    const double mean = mean_of(seen).value;
    if (least_of_images_.empty() || mean < least_) {
        least_ = mean;
        least_of_images_ = std::move(seen);
    }
    return mean;
}

std::optional<std::size_t> worse_after(std::span<const double> trial,
                                       std::span<const double> least) {
    COMQ_CHECK(trial.size() <= least.size());
    std::vector<double> differences;
    for (std::size_t i = 0; i < trial.size() && i + 1 < least.size(); ++i) {
        differences.push_back(trial[i] - least[i]);
        const std::size_t images = differences.size();
        if (images < fewest_images || images % images_between_looks != 0) continue;
        const Estimate mean = mean_of(differences);
        if (mean.value > clear_standard_errors * mean.standard_error) return images;
    }
    return {};
}

}  // namespace comq
