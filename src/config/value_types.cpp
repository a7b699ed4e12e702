#include "config/value_types.hpp"

#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "core/nearest_name.hpp"
#include "core/text.hpp"

namespace comq {

namespace {

struct ByteUnit {
    const char* name;
    int64_t bytes;
};

/** Largest first, decimal before binary, as print_byte_size prefers them. */
constexpr std::array<ByteUnit, 9> byte_units = {{
    {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1'000},
    {"TiB", int64_t{1} << 40},
    {"GiB", int64_t{1} << 30},
    {"MiB", int64_t{1} << 20},
    {"KiB", int64_t{1} << 10},
    {"B", 1},
}};

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

}  // namespace

std::optional<int64_t> parse_byte_size(std::string_view text) {
    if (text == "0") return 0;
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto amount = parse_number<double>(text.substr(0, digits));
    std::string_view unit = text.substr(digits);
    while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
    for (const auto& [name, bytes] : byte_units) {
        if (!amount || !equal_ignoring_case(unit, name)) continue;
        const double total = *amount * static_cast<double>(bytes);
        // Beyond 2^53 a double no longer counts single bytes.
        if (total > 9.0e15) return std::nullopt;
        return static_cast<int64_t>(std::llround(total));
    }
    return std::nullopt;
}

std::string print_byte_size(int64_t bytes) {
    for (const auto& unit : byte_units) {
        if (bytes >= unit.bytes && bytes % unit.bytes == 0) {
            return fmt::format("{}{}", bytes / unit.bytes, unit.name);
        }
    }
    return "0";
}

std::string print_yaml_text(const std::string& text) {
    // In a flow context the emitter also quotes what only a list or map would misread.
    YAML::Emitter emitter;
    emitter << YAML::Flow << YAML::BeginSeq << replace_invalid_utf8(text) << YAML::EndSeq;
    const std::string list = emitter.c_str();
    return list.substr(1, list.size() - 2);
}

ValueType<bool> boolean() {
    auto result = scalar_value<bool>(
        "true or false",
        [](const YamlNode& node) -> std::optional<bool> {
            if (node.quoted || (node.scalar != "true" && node.scalar != "false")) {
                return std::nullopt;
            }
            return node.scalar == "true";
        },
        [](const bool& value) { return std::string(value ? "true" : "false"); });
    result.choices = {"true", "false"};
    return result;
}

ValueType<std::string> text_where(std::string description,
                                  std::function<bool(const std::string&)> allowed) {
    auto result = scalar_value<std::string>(
        std::move(description),
        [allowed](const YamlNode& node) -> std::optional<std::string> {
            if (!allowed(node.scalar)) return std::nullopt;
            return node.scalar;
        },
        print_yaml_text);
    result.form = ValueForm::text;
    return result;
}

ValueType<std::string> text() {
    return text_where("a text", [](const std::string& value) { return !value.empty(); });
}

ValueType<std::string> or_null(const ValueType<std::string>& type) {
    ValueType<std::string> result;
    result.description = "null or " + type.description;
    result.form = type.form;
    result.choices = type.choices;
    if (!result.choices.empty()) result.choices.emplace_back("null");
    result.read = [type](const YamlNode& node, const std::string& key, std::string& value,
                         ConfigProblems& problems) {
        if (node.kind == YamlNode::Kind::null) {
            value.clear();
        } else {
            type.read(node, key, value, problems);
        }
    };
    result.print = [type](const std::string& value) {
        return value.empty() ? std::string("null") : type.print(value);
    };
    return result;
}

ValueType<std::string> name_of(const std::string& what, std::vector<std::string> names) {
    if (names.empty()) {
        auto any = text();
        any.description = "the name of a " + what;
        any.form = ValueForm::name;
        return any;
    }
    ValueType<std::string> result;
    result.description = fmt::format("{}", fmt::join(names, " | "));
    result.form = ValueForm::name;
    result.choices = names;
    result.read = [what, names](const YamlNode& node, const std::string& key, std::string& value,
                                ConfigProblems& problems) {
        if (node.kind == YamlNode::Kind::scalar &&
            std::find(names.begin(), names.end(), node.scalar) != names.end()) {
            value = node.scalar;
            return;
        }
        // A registry may hold dozens of names: the nearest one then says more than all of them.
        std::string message =
            names.size() <= 8
                ? fmt::format("expected {}, not {}", fmt::join(names, " | "), node.describe())
                : fmt::format("expected the name of a {}, not {}", what, node.describe());
        if (node.kind == YamlNode::Kind::scalar) {
            message += fmt::format(" (nearest known: '{}')", nearest_name(node.scalar, names));
        }
        problems.add(node.position, key, message);
    };
    result.print = print_yaml_text;
    return result;
}

ValueType<std::filesystem::path> path() {
    ValueType<std::filesystem::path> result;
    result.description = "path";
    result.form = ValueForm::text;
    result.read = [](const YamlNode& node, const std::string& key, std::filesystem::path& value,
                     ConfigProblems& problems) {
        if (node.kind == YamlNode::Kind::null) {
            value.clear();
        } else if (node.kind != YamlNode::Kind::scalar || node.scalar.empty()) {
            problems.add(node.position, key,
                         fmt::format("expected a path or null, not {}", node.describe()));
        } else {
            value = node.scalar;
        }
    };
    result.print = [](const std::filesystem::path& value) {
        if (value.empty()) return std::string("null");
        return print_yaml_text(replace_each(value.string(), {{"$", "$$"}}));
    };
    return result;
}

ValueType<int64_t> byte_size(int64_t least) {
    std::string description = "size with a unit, like 8GB or 500MiB";
    if (least > 0) description += ", at least " + print_byte_size(least);
    return scalar_value<int64_t>(
        std::move(description),
        [least](const YamlNode& node) -> std::optional<int64_t> {
            const auto bytes = parse_byte_size(node.scalar);
            if (!bytes || *bytes < least) return std::nullopt;
            return bytes;
        },
        [](const int64_t& bytes) { return print_byte_size(bytes); });
}

}  // namespace comq
