#include "config/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "config/config_values.hpp"
#include "core/errors.hpp"
#include "core/json_text.hpp"
#include "core/text.hpp"

namespace comq {

namespace {

constexpr std::size_t screen_columns = 80;

std::string describe(Affects affects) {
    const std::string names = fmt::format("{}", fmt::join(affects.names(), ", "));
    if (affects.has(Effect::resource)) return names + " (never numbers)";
    if (affects.has(Effect::location)) return names + " (by what lies there, not by the path)";
    return names + " (part of a run's identity)";
}

std::string explain_key(const KeyInfo& info) {
    constexpr std::size_t indent = 12;
    std::string text = info.key + "\n";
    const auto line = [&](const char* what, const std::string& value) {
        text += fmt::format("  {:<{}}{}\n", what, indent - 2, wrapped(value, indent));
    };
    line("type", info.type);
    line("default", info.required ? "none, the key is required" : info.default_text);
    if (!info.unit.empty()) line("unit", info.unit);
    if (!info.affects.names().empty()) line("affects", describe(info.affects));
    if (!info.read_by.empty()) line("read by", fmt::format("{}", fmt::join(info.read_by, ", ")));
    line("meaning", info.meaning);
    return text;
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

/** How well a key fits a word in lower case, 0 best; none when it does not contain it. */
std::optional<int> rank_of(const KeyInfo& info, const std::string& word) {
    const std::string key = lower(info.key);
    if (key.ends_with("." + word)) return 0;
    if (key.find(word) != std::string::npos) return 1;
    const bool has_choices = info.type.find(" | ") != std::string::npos;
    if (has_choices && lower(info.type).find(word) != std::string::npos) return 2;
    if (lower(info.meaning).find(word) != std::string::npos) return 3;
    return std::nullopt;
}

std::string list_of_keys(const std::vector<KeyInfo>& keys, const std::string& word) {
    std::size_t width = 0;
    for (const auto& info : keys) width = std::max(width, info.key.size());
    std::string text =
        fmt::format("{} keys have '{}' in their name or meaning; --explain KEY tells all of one.\n",
                    keys.size(), excerpt(word));
    for (const auto& info : keys) {
        const std::string line = fmt::format("  {:<{}}  {}", info.key, width, info.meaning);
        text += cut(line, screen_columns) + "\n";
    }
    return text;
}

std::string markdown_cell(const std::string& text) { return replace_each(text, {{"|", "\\|"}}); }

std::string markdown_table(const std::vector<KeyInfo>& keys) {
    std::string text = "| key | meaning | type | default | unit |\n|---|---|---|---|---|\n";
    for (const auto& info : keys) {
        const std::string standard =
            info.required ? "required" : fmt::format("`{}`", markdown_cell(info.default_text));
        text += fmt::format("| `{}` | {} | {} | {} | {} |\n", info.key, markdown_cell(info.meaning),
                            markdown_cell(info.type), standard, markdown_cell(info.unit));
    }
    return text;
}

std::string json_array(const std::vector<KeyInfo>& keys) {
    auto array = nlohmann::ordered_json::array();
    for (const auto& info : keys) {
        nlohmann::ordered_json entry;
        entry["key"] = info.key;
        entry["meaning"] = info.meaning;
        entry["type"] = info.type;
        entry["required"] = info.required;
        entry["default"] = info.required ? nlohmann::ordered_json(nullptr)
                                         : json_of_yaml(info.default_text, info.key);
        entry["unit"] =
            info.unit.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(info.unit);
        if (!info.affects.names().empty()) entry["affects"] = info.affects.names();
        if (!info.read_by.empty()) entry["read_by"] = info.read_by;
        array.push_back(std::move(entry));
    }
    return json_text(array);
}

}  // namespace

FoundKeys find_keys(const std::vector<KeyInfo>& keys, const std::string& name) {
    FoundKeys found;
    for (const auto& info : keys) {
        if (name == "all" || info.key == name || info.key.starts_with(name + ".")) {
            found.keys.push_back(info);
        }
    }
    found.named = !found.keys.empty();
    const std::string word = lower(name);
    for (int rank = 0; !found.named && rank <= 3; ++rank) {
        for (const auto& info : keys) {
            if (rank_of(info, word) == rank) found.keys.push_back(info);
        }
    }
    if (!found.keys.empty()) return found;
    throw UsageError("'{}' is no key, and no key's name or meaning contains it; the nearest are {}",
                     excerpt(name), fmt::join(nearest_keys(name, keys, 3), ", "));
}

std::string explain_keys(const std::vector<KeyInfo>& keys, const std::string& name,
                         ExplainFormat format) {
    const FoundKeys found = find_keys(keys, name);
    if (format == ExplainFormat::markdown) return markdown_table(found.keys);
    if (format == ExplainFormat::json) return json_array(found.keys);
    if (!found.named && found.keys.size() > 1) return list_of_keys(found.keys, name);
    std::string text;
    for (const auto& info : found.keys) {
        text.append(text.empty() ? "" : "\n").append(explain_key(info));
    }
    return text;
}

}  // namespace comq
