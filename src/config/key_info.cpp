#include "config/key_info.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/nearest_name.hpp"

namespace comq {

namespace {

std::string_view last_part(std::string_view key) { return key.substr(key.rfind('.') + 1); }

using KeyValue = std::pair<std::string, std::string>;

/** Of keys that begin alike, the rest behind the first `skip` characters. */
std::string flow_map_behind(std::span<const KeyValue> keys, std::size_t skip) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < keys.size();) {
        const std::string& key = keys[i].first;
        const auto dot = key.find('.', skip);
        if (dot == std::string::npos) {
            parts.push_back(fmt::format("{}: {}", key.substr(skip), keys[i].second));
            ++i;
            continue;
        }
        const std::string section = key.substr(0, dot + 1);
        std::size_t end = i;
        while (end < keys.size() && keys[end].first.starts_with(section)) ++end;
        parts.push_back(fmt::format("{}: {}", key.substr(skip, dot - skip),
                                    flow_map_behind(keys.subspan(i, end - i), dot + 1)));
        i = end;
    }
    return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

}  // namespace

std::vector<std::string> Affects::names() const {
    static const std::pair<Effect, const char*> all[] = {
        {Effect::full_precision, "full_precision"},
        {Effect::calibration_images, "calibration_images"},
        {Effect::evaluation_images, "evaluation_images"},
        {Effect::statistics, "statistics"},
        {Effect::solution, "solution"},
        {Effect::repair, "repair"},
        {Effect::evaluation, "evaluation"},
        {Effect::resource, "resource"},
        {Effect::location, "location"},
    };
    std::vector<std::string> found;
    for (const auto& [effect, name] : all) {
        if (has(effect)) found.emplace_back(name);
    }
    return found;
}

std::vector<std::string> nearest_keys(std::string_view key, const std::vector<KeyInfo>& known,
                                      std::size_t most) {
    const std::string_view compared = key.substr(0, 128);
    std::vector<std::pair<int, const KeyInfo*>> distances;
    for (const auto& info : known) {
        // A right last part in the wrong section costs as much as one wrong letter.
        const int distance = std::min(edit_distance(compared, info.key),
                                      edit_distance(last_part(compared), last_part(info.key)) + 1);
        distances.emplace_back(distance, &info);
    }
    std::ranges::stable_sort(distances, {}, [](const auto& entry) { return entry.first; });
    std::vector<std::string> nearest;
    for (const auto& [distance, info] : distances) {
        if (nearest.size() < most) nearest.push_back(info->key);
    }
    return nearest;
}

std::string nearest_key(std::string_view key, const std::vector<KeyInfo>& known) {
    const auto nearest = nearest_keys(key, known, 1);
    return nearest.empty() ? "" : nearest.front();
}

std::string unknown_key_message(std::string_view key, const std::vector<KeyInfo>& known) {
    return fmt::format("unknown key (nearest known: '{}')", nearest_key(key, known));
}

std::string flow_map(std::span<const KeyValue> keys) { return flow_map_behind(keys, 0); }

void NestedYaml::add(std::string_view key, std::string_view value, std::string_view comment) {
    std::size_t depth = 0;
    for (auto dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.')) {
        const std::string section(key.substr(0, dot));
        key.remove_prefix(dot + 1);
        if (depth >= sections_.size() || sections_[depth] != section) {
            sections_.resize(depth);
            sections_.push_back(section);
            text_ += fmt::format("{}{}:\n", std::string(2 * depth, ' '), section);
        }
        ++depth;
    }
    sections_.resize(depth);
    text_ += fmt::format("{}{}: {}{}{}\n", std::string(2 * depth, ' '), key, value,
                         comment.empty() ? "" : "  # ", comment);
}

}  // namespace comq
