#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/key_info.hpp"
#include "config/problems.hpp"
#include "config/yaml_document.hpp"

namespace comq {

/** How values of one kind of key are described, read from YAML and written back as YAML. */
template <typename V>
struct ValueType {
    std::string description;  ///< "integer, 2 to 8": follows "expected" in messages
    /** Reads a node into a value; adds problems under `key` and leaves the value alone when wrong.
     */
    std::function<void(const YamlNode&, const std::string& key, V&, ConfigProblems&)> read;
    std::function<std::string(const V&)> print;  ///< one line of YAML that reads back the same
    ValueForm form = ValueForm::scalar;
    std::vector<std::string> choices = {};  ///< all values, where they are names
};

/** The number a plain scalar holds as a whole; none otherwise, or when it isn't finite or fits. */
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if constexpr (std::is_floating_point_v<Number>) {
        if (!std::isfinite(number)) return std::nullopt;
        number += Number{0};  // -0 is written as 0, so that both are one value
    }
    return number;
}

/** "8GB", "500MB", "2GiB" as bytes; none when the text isn't such a size or overflows. */
std::optional<int64_t> parse_byte_size(std::string_view text);
/** Bytes in the largest unit that holds them exactly; read back by parse_byte_size. */
std::string print_byte_size(int64_t bytes);
/** A text as one YAML scalar, quoted where YAML would take it for something else. */
std::string print_yaml_text(const std::string& text);

/** ValueType of anything that is one scalar: `parse` returns none for text that is no value. */
template <typename V>
ValueType<V> scalar_value(std::string description,
                          std::function<std::optional<V>(const YamlNode&)> parse,
                          std::function<std::string(const V&)> print) {
    auto read = [description, parse](const YamlNode& node, const std::string& key, V& value,
                                     ConfigProblems& problems) {
        std::optional<V> parsed;
        if (node.kind == YamlNode::Kind::scalar) parsed = parse(node);
        if (parsed) {
            value = std::move(*parsed);
        } else {
            problems.add(node.position, key,
                         fmt::format("expected {}, not {}", description, node.describe()));
        }
    };
    return {std::move(description), std::move(read), std::move(print), ValueForm::scalar, {}};
}

/** Numbers of [least, greatest]; `name` is "integer" or "number". */
template <typename V>
ValueType<V> ranged_value(const char* name, V least, V greatest) {
    std::string description = name;
    if (greatest != std::numeric_limits<V>::max()) {
        description += fmt::format(", {} to {}", least, greatest);
    } else if (least != std::numeric_limits<V>::lowest()) {
        description += fmt::format(", at least {}", least);
    }
    return scalar_value<V>(
        std::move(description),
        [least, greatest](const YamlNode& node) -> std::optional<V> {
            const auto number = node.quoted ? std::nullopt : parse_number<V>(node.scalar);
            if (!number || *number < least || *number > greatest) return std::nullopt;
            return number;
        },
        [](const V& value) { return fmt::format("{}", value); });
}

template <typename V>
ValueType<V> integer(V least, V greatest = std::numeric_limits<V>::max()) {
    static_assert(std::is_integral_v<V>);
    return ranged_value<V>("integer", least, greatest);
}

inline ValueType<double> number(double least, double greatest) {
    return ranged_value<double>("number", least, greatest);
}

ValueType<bool> boolean();
/** Any scalar, as written. */
ValueType<std::string> text();
/** A text that `allowed` accepts; `description` says which. */
ValueType<std::string> text_where(std::string description,
                                  std::function<bool(const std::string&)> allowed);
/** An empty text stands for `null`. */
ValueType<std::string> or_null(const ValueType<std::string>& type);
/** One of `names`, or any name when the list is empty; `what` is "model", "method". */
ValueType<std::string> name_of(const std::string& what, std::vector<std::string> names);
/**
 * A file or folder as written; `null` is the empty path. Variables are expanded by expand_path once
 * it is known which value counts, so `print` doubles the '$' of a value that is already expanded.
 */
ValueType<std::filesystem::path> path();
/** A size with its unit: 8GB, 500MB, 2GiB. */
ValueType<int64_t> byte_size(int64_t least);

/** A count ≥ 1, or `all`, which is V{}: no count, or 0. V is an integer or an optional one. */
template <typename V>
ValueType<V> count_or_all(int greatest = std::numeric_limits<int>::max()) {
    std::string description = "all or an integer, at least 1";
    if (greatest < std::numeric_limits<int>::max()) {
        description += fmt::format(", at most {}", greatest);
    }
    return scalar_value<V>(
        std::move(description),
        [greatest](const YamlNode& node) -> std::optional<V> {
            if (node.scalar == "all") return std::optional<V>(std::in_place);
            const auto count = node.quoted ? std::nullopt : parse_number<int64_t>(node.scalar);
            if (!count || *count < 1 || *count > greatest) {
                return std::nullopt;
            }
            return V(static_cast<int>(*count));
        },
        [](const V& value) -> std::string {
            if (value == V{}) return "all";
            if constexpr (std::is_integral_v<V>) {
                return fmt::format("{}", value);
            } else {
                return fmt::format("{}", *value);
            }
        });
}

/** `null`, or a value of `type`. */
template <typename V>
ValueType<std::optional<V>> optional(ValueType<V> type) {
    ValueType<std::optional<V>> result;
    result.description = "null or " + type.description;
    result.form = type.form;
    result.choices = type.choices;
    if (!result.choices.empty()) result.choices.emplace_back("null");
    result.read = [type](const YamlNode& node, const std::string& key, std::optional<V>& value,
                         ConfigProblems& problems) {
        if (node.kind == YamlNode::Kind::null) {
            value.reset();
            return;
        }
        V inner{};
        const std::size_t before = problems.lines().size();
        type.read(node, key, inner, problems);
        if (problems.lines().size() == before) value = std::move(inner);
    };
    result.print = [type](const std::optional<V>& value) {
        return value ? type.print(*value) : std::string("null");
    };
    return result;
}

/** A list of values of `item`; `description` says so. */
template <typename V>
ValueType<std::vector<V>> sequence_of(const ValueType<V>& item, const std::string& description) {
    ValueType<std::vector<V>> result;
    result.description = description;
    result.form = ValueForm::tree;
    result.read = [item, description](const YamlNode& node, const std::string& key,
                                      std::vector<V>& value, ConfigProblems& problems) {
        if (node.kind != YamlNode::Kind::list) {
            problems.add(node.position, key,
                         fmt::format("expected a {}, not {}", description, node.describe()));
            return;
        }
        std::vector<V> read;
        for (const YamlNode& element : node.items) {
            const std::string name = fmt::format("{}[{}]", key, read.size());
            item.read(element, name, read.emplace_back(), problems);
        }
        value = std::move(read);
    };
    result.print = [item](const std::vector<V>& value) {
        std::string list;
        for (const V& element : value) list += (list.empty() ? "" : ", ") + item.print(element);
        return "[" + list + "]";
    };
    return result;
}

/** One of a few names, each a value of an enumeration. */
template <typename Enum>
ValueType<Enum> choice(std::vector<std::pair<std::string, Enum>> choices) {
    std::vector<std::string> names;
    for (const auto& [name, value] : choices) names.push_back(name);
    const auto checked = name_of("value", names);
    ValueType<Enum> result;
    result.description = checked.description;
    result.form = checked.form;
    result.choices = checked.choices;
    result.read = [checked, choices](const YamlNode& node, const std::string& key, Enum& value,
                                     ConfigProblems& problems) {
        std::string name;
        checked.read(node, key, name, problems);
        for (const auto& [candidate, meant] : choices) {
            if (candidate == name) value = meant;
        }
    };
    result.print = [choices](const Enum& value) {
        for (const auto& [name, candidate] : choices) {
            if (candidate == value) return name;
        }
        return std::string("null");
    };
    return result;
}

}  // namespace comq
