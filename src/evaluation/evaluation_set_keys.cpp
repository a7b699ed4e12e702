#include "evaluation/evaluation_set_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "config/schema.hpp"
#include "data/data_keys.hpp"
#include "data/layouts.hpp"

namespace comq {

namespace {

using DataKeys = Schema<DataConfig, RunKey>;

/** Names are parts of columns (top1@v2), of HDF5 paths and of file names. */
constexpr std::size_t longest_name = 32;

bool is_set_name(const std::string& name) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    };
    // Such an ending is that of another column.
    return !name.empty() && name.size() <= longest_name && std::ranges::all_of(name, plain) &&
           !name.ends_with("_standard_error");
}

void check_set(const EvaluationSet& set, const DataKeys& keys, const YamlPosition& position,
               const std::string& name, ConfigProblems& problems) {
    if (set.name == main_set) {
        problems.add(
            position, name + ".name",
            fmt::format("'{}' is the set of data.evaluation; choose another name", main_set));
    }
    if (!set.data.embedded() && set.data.root.empty() && set.data.evaluation.empty()) {
        problems.add(position, name,
                     "names no images: give data.evaluation, or the folder as data.root");
    }
    // A layout that is none has been said.
    const auto layouts = data_layout_names();
    if (std::ranges::find(layouts, set.data.layout) == layouts.end()) return;
    const DataLayout& layout = find_layout(set.data.layout);
    for (const auto& info : keys.keys()) {
        if (keys.find(info.key)->print(set.data) == info.default_text) continue;
        if (layout.reads_key(info.key)) continue;
        problems.add(position, name + ".data." + info.key, unread_by_layout(layout, info.key));
    }
}

}  // namespace

ValueType<std::vector<EvaluationSet>> evaluation_sets(const std::vector<std::string>& layouts) {
    using enum Effect;
    const DataKeys data = data_keys(layouts).only(
        [](const KeyInfo& info) { return info.affects.has(evaluation_images); });
    Schema<EvaluationSet, RunKey> set;
    set.add(
        {.key = "name",
         .affects = evaluation,
         .meaning = "What results call the set: figures of it are top1@NAME and so on.",
         .required = true},
        &EvaluationSet::name,
        text_where(fmt::format("a name of letters, digits, '_' and '-', at most {}", longest_name),
                   is_set_name));
    set.add_section("data", &EvaluationSet::data, data);
    set.add({.key = "images",
             .affects = evaluation_images,
             .meaning = "Images of the set, as evaluation.images.",
             .unit = "images"},
            &EvaluationSet::images, count_or_all<std::optional<int64_t>>());
    const auto check = [data](const EvaluationSet& read, const YamlPosition& position,
                              const std::string& name, ConfigProblems& problems) {
        check_set(read, data, position, name, problems);
    };
    auto sets = sequence_of(map_of<EvaluationSet>(set, check),
                            "list of {name: NAME, data: {root, layout, evaluation, synsets, "
                            "labels, classes}, images: COUNT}");
    sets.read = [read = sets.read](const YamlNode& node, const std::string& key,
                                   std::vector<EvaluationSet>& value, ConfigProblems& problems) {
        read(node, key, value, problems);
        if (node.kind != YamlNode::Kind::list) return;
        std::set<std::string> names;
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (value[i].name.empty() || names.insert(value[i].name).second) continue;
            problems.add(node.items[i].position, fmt::format("{}[{}].name", key, i),
                         fmt::format("'{}' is the name of an earlier set; choose another one",
                                     value[i].name));
        }
    };
    return sets;
}

}  // namespace comq
