#include "page/dimensions.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "experiment_config/experiment_schema.hpp"
#include "points/point.hpp"

namespace comq {

namespace {

constexpr const char* no_value = "(none)";

/** In this order before all others. */
constexpr std::array first_keys{"model.name", "quantization.method", "quantization.bits"};
constexpr const char* bits_key = "quantization.bits";

/** The values of these say themselves what they are. */
constexpr std::array plain_keys{"model.name", "quantization.method", "model.program"};

bool changes_numbers(const std::string& key) {
    const auto& known = experiment_schema().keys();
    const auto found = std::ranges::find(known, key, &KeyInfo::key);
    // A path tells runs apart as far as it leads to something else.
    return found == known.end() || !found->affects.has(Effect::resource);
}

/** Whether runs with equal values of `decides` have equal values of `decided`. */
bool is_decided(const std::vector<std::string>& decides, const std::vector<std::string>& decided) {
    std::map<std::string, std::string> values;
    for (std::size_t run = 0; run < decides.size(); ++run) {
        const auto& known = values.emplace(decides[run], decided[run]).first->second;
        if (known != decided[run]) return false;
    }
    return true;
}

/** The names of files where they differ as the paths do. */
std::vector<std::string> short_values(const std::vector<std::string>& values) {
    std::set<std::string> paths;
    std::set<std::string> names;
    std::vector<std::string> shortened;
    for (const std::string& value : values) {
        shortened.push_back(
            value.starts_with('/') ? std::filesystem::path(value).filename().string() : value);
        paths.insert(value);
        names.insert(shortened.back());
    }
    return names.size() == paths.size() ? shortened : values;
}

}  // namespace

std::vector<Difference> differences_of(const std::vector<ConfigValues>& runs) {
    std::set<std::string> keys;
    for (const ConfigValues& values : runs) {
        for (const auto& [key, value] : values) keys.insert(key);
    }
    std::vector<Difference> differences;
    for (const std::string& key : keys) {
        Difference difference{key, {}};
        for (const ConfigValues& values : runs) {
            const auto found = values.find(key);
            difference.values.push_back(found == values.end() ? no_value : found->second);
        }
        const auto& all = difference.values;
        if (std::ranges::adjacent_find(all, std::ranges::not_equal_to()) != all.end()) {
            differences.push_back(std::move(difference));
        }
    }
    return differences;
}

std::vector<Dimension> dimensions_of(const std::vector<ConfigValues>& runs) {
    std::vector<Difference> candidates = differences_of(runs);
    std::erase_if(candidates,
                  [](const Difference& difference) { return !changes_numbers(difference.key); });
    std::ranges::stable_sort(candidates, {}, [](const Difference& difference) {
        return std::ranges::find(first_keys, difference.key) - first_keys.begin();
    });
    std::vector<Dimension> dimensions;
    std::vector<std::string> keys;
    for (const Difference& candidate : candidates) {
        const bool decided = std::ranges::any_of(dimensions, [&](const Dimension& chosen) {
            return is_decided(chosen.values, candidate.values);
        });
        if (decided) continue;
        dimensions.push_back({candidate.key, "", candidate.values});
        keys.push_back(candidate.key);
    }
    const std::vector<std::string> names = short_keys(keys);
    for (std::size_t i = 0; i < dimensions.size(); ++i) {
        dimensions[i].name = keys[i] == first_keys.front() ? "network" : names[i];
        dimensions[i].values = short_values(dimensions[i].values);
    }
    return dimensions;
}

std::vector<std::string> labels_of(const std::vector<Dimension>& dimensions, std::size_t runs) {
    std::vector<std::string> labels(runs);
    for (const Dimension& dimension : dimensions) {
        const bool plain = std::ranges::find(plain_keys, dimension.key) != plain_keys.end();
        for (std::size_t run = 0; run < runs; ++run) {
            const std::string& value = dimension.values[run];
            if (value == no_value) continue;
            if (!labels[run].empty()) labels[run] += " ";
            labels[run] += plain                       ? value
                           : dimension.key == bits_key ? value + " bits"
                                                       : dimension.name + "=" + value;
        }
    }
    return labels;
}

}  // namespace comq
