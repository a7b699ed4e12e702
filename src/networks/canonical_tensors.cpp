#include "networks/canonical_tensors.hpp"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "core/errors.hpp"
#include "networks/families/families.hpp"
#include "weights/augreg_vit.hpp"

namespace comq {

namespace {

/** Whether only checkpoints of the family, by some publisher, have a tensor of that name. */
bool is_known(const std::string& name, const ModelFamily& family) {
    return std::ranges::find(family.marks, name, &FamilyMark::tensor) != family.marks.end() ||
           std::ranges::any_of(family.key_maps, [&](const KeyMap& map) {
               return match_pattern(map.marker, name).has_value();
           });
}

/** The begins of names below which known names stand; the empty one where they do as they are. */
std::set<std::string> prefixes_of_known(const TensorMap& tensors, const ModelFamily& family) {
    constexpr int deepest = 4;
    std::set<std::string> prefixes;
    for (const auto& [name, tensor] : tensors) {
        std::size_t begin = 0;
        for (int depth = 0; depth <= deepest; ++depth) {
            if (is_known(name.substr(begin), family)) {
                prefixes.insert(name.substr(0, begin));
                break;
            }
            const std::size_t dot = name.find('.', begin);
            if (dot == std::string::npos) break;
            begin = dot + 1;
        }
    }
    // What is known inside something known is a part of it.
    std::string outer;
    for (auto prefix = prefixes.begin(); prefix != prefixes.end();) {
        const bool inside = prefix != prefixes.begin() && prefix->starts_with(outer);
        if (!inside) outer = *prefix;
        prefix = inside ? prefixes.erase(prefix) : std::next(prefix);
    }
    return prefixes;
}

/** The begins of names below which all of `names` stand. */
std::set<std::string> prefixes_of_all(const TensorMap& tensors,
                                      const std::set<std::string>& names) {
    std::set<std::string> prefixes;
    if (names.empty()) return prefixes;
    const std::string& some = *names.begin();
    for (const auto& [name, tensor] : tensors) {
        if (!name.ends_with(some)) continue;
        const std::string prefix = name.substr(0, name.size() - some.size());
        const bool whole_words = prefix.empty() || prefix.ends_with('.');
        if (whole_words && std::ranges::all_of(names, [&](const std::string& other) {
                return tensors.contains(prefix + other);
            })) {
            prefixes.insert(prefix);
        }
    }
    return prefixes;
}

TensorMap without_prefix(TensorMap tensors, const std::set<std::string>& prefixes,
                         const std::string& file) {
    if (prefixes.empty() || *prefixes.begin() == "") return tensors;
    if (prefixes.size() > 1) {
        throw InputError(
            "{}: holds several networks, their names begin with {}; choose one by "
            "model.state_dict (without the last dot, behind the entry that they are in)",
            file, fmt::join(prefixes, ", "));
    }
    const std::string& prefix = *prefixes.begin();
    TensorMap result;
    std::vector<std::string> others;
    for (const auto& [name, tensor] : tensors) {
        if (name.starts_with(prefix)) {
            result.emplace(name.substr(prefix.size()), tensor);
        } else {
            others.push_back(name);
        }
    }
    if (!others.empty()) {
        spdlog::warn("{}: the network is what '{}' begins the names of; left out: {}", file, prefix,
                     fmt::join(others, ", "));
    }
    return result;
}

}  // namespace

TensorMap canonical_tensors(TensorMap tensors, const std::string& family, const std::string& file) {
    if (is_augreg_vit(tensors)) return tensors_of_augreg_vit(tensors, file);
    const ModelFamily* known = find_family(family);
    if (known == nullptr) return tensors;
    const std::set<std::string> prefixes = prefixes_of_known(tensors, *known);
    tensors = without_prefix(std::move(tensors), prefixes, file);
    for (const KeyMap& map : known->key_maps) {
        if (map.applies_to(tensors)) tensors = rename_tensors(tensors, map, file);
    }
    return tensors;
}

TensorMap tensors_named(TensorMap tensors, const std::set<std::string>& names,
                        const std::string& file) {
    const std::set<std::string> prefixes = prefixes_of_all(tensors, names);
    return without_prefix(std::move(tensors), prefixes, file);
}

}  // namespace comq
