#include "apps/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "config/override.hpp"
#include "core/nearest_name.hpp"
#include "core/paths.hpp"

namespace comq {

namespace {

using Words = std::vector<std::string>;

Words option_names(const CLI::App& app) {
    Words names;
    for (const CLI::Option* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) names.push_back(name);
    }
    return names;
}

/**
 * Of --explain, keys and the sections they stand in; of others the names in "TEXT:{local,slurm}",
 * which CLI11 makes of an option's check.
 */
Words option_values(const CLI::Option& option, const std::vector<KeyInfo>& keys) {
    std::set<std::string> values;
    if (option.check_lname("explain")) {
        values.insert("all");
        for (const auto& info : keys) {
            values.insert({info.key, info.key.substr(0, info.key.find('.'))});
        }
    }
    const std::string type = option.get_type_name();
    if (const auto begin = type.find('{'); begin != std::string::npos) {
        std::istringstream list(type.substr(begin + 1, type.find('}') - begin - 1));
        for (std::string value; std::getline(list, value, ',');) values.insert(value);
    }
    return {values.begin(), values.end()};
}

Words shipped_files(const std::string& folder) {
    Words names;
    std::error_code error;
    if (folder.empty()) return names;
    for (const auto& entry : std::filesystem::directory_iterator(data_folder() / folder, error)) {
        if (entry.path().extension() != ".yaml") continue;
        names.push_back(folder + "/" + entry.path().filename().string());
    }
    return names;
}

Words candidates(const CLI::App& app, const Vocabulary& vocabulary, const std::string& word,
                 const std::string& previous) {
    const auto keys = vocabulary.keys();
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    Words words;
    if (word.starts_with("-")) {
        const auto* option = app.get_option_no_throw(name);
        if (equals == std::string::npos) {
            for (const auto& known : option_names(app)) words.push_back("--" + known);
        } else if (option != nullptr) {
            for (const auto& value : option_values(*option, keys)) {
                words.push_back(name + "=" + value);
            }
        }
        return words;
    }
    const auto* option = previous.starts_with("-") ? app.get_option_no_throw(previous) : nullptr;
    if (option != nullptr && option->get_expected_max() > 0) return option_values(*option, keys);
    if (equals == std::string::npos) {
        words = shipped_files(vocabulary.folder);
        for (const auto& info : keys) words.push_back(info.key + "=");
    } else if (const auto info = std::ranges::find(keys, name, &KeyInfo::key); info != keys.end()) {
        for (const auto& choice : info->choices) words.push_back(name + "=" + choice);
    }
    return words;
}

}  // namespace

Words completions(const CLI::App& app, const Vocabulary& vocabulary, const std::string& word,
                  const std::string& previous) {
    Words words = candidates(app, vocabulary, word, previous);
    std::erase_if(words, [&](const std::string& other) { return !other.starts_with(word); });
    std::ranges::sort(words);
    return words;
}

std::string unknown_option(const CLI::App& app, const Vocabulary& vocabulary,
                           const std::string& argument, const std::string& next) {
    const std::string bare =
        argument.substr(std::min(argument.find_first_not_of('-'), argument.size()));
    const std::string name = bare.substr(0, bare.find('='));
    const auto keys = vocabulary.keys();
    const std::string nearest = nearest_name(name, option_names(app));
    const bool is_key = std::ranges::any_of(keys, [&](const KeyInfo& info) {
        return info.key == name || info.key.ends_with("." + name);
    });
    const bool looks_like_key =
        name.find('.') != std::string::npos || (name != bare && edit_distance(name, nearest) > 2);
    if (!keys.empty() && (is_key || looks_like_key)) {
        const bool is_value = !next.starts_with("-") && next.find('=') == std::string::npos;
        return fmt::format("{}: {}", argument, key_form_hint(argument, is_value ? next : "", keys));
    }
    return fmt::format("{}: unknown option (nearest known: '--{}')", argument, nearest);
}

bool hides_key(const std::string& argument, const Vocabulary& vocabulary) {
    if (!argument.starts_with("-") || argument.starts_with("--")) return false;
    const std::string name = argument.substr(1, argument.find('=') - 1);
    return name.size() > 1 && std::ranges::count(vocabulary.keys(), name, &KeyInfo::key) > 0;
}

}  // namespace comq
