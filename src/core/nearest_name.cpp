#include "core/nearest_name.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace comq {

namespace {

/** From `a` to the first 0, 1, … characters of `b`. */
std::vector<int> distances_to_prefixes(std::string_view a, std::string_view b) {
    // Rows of the dynamic programme: distances of the prefixes of b to the last three of a.
    std::vector<int> before_last(b.size() + 1), last(b.size() + 1), current(b.size() + 1);
    std::iota(last.begin(), last.end(), 0);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = static_cast<int>(i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const int substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, substitution});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                current[j] = std::min(current[j], before_last[j - 2] + 1);
            }
        }
        before_last.swap(last);
        last.swap(current);
    }
    return last;
}

/** A name that breaks off early, `deit_tiny` of `deit_tiny_patch16_224`, lacks one thing only. */
int distance_of_typing(std::string_view typed, std::string_view name) {
    const auto distances = distances_to_prefixes(typed, name);
    return std::min(distances.back(), std::ranges::min(distances) + 1);
}

}  // namespace

int edit_distance(std::string_view a, std::string_view b) {
    return distances_to_prefixes(a, b).back();
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
    // A name of this length is no typing error; its distance would only cost time.
    const std::string_view compared = name.substr(0, 128);
    int least = std::numeric_limits<int>::max();
    std::string nearest;
    for (const auto& candidate : known) {
        const int distance = distance_of_typing(compared, candidate);
        if (distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

}  // namespace comq
