#include "weights/key_map.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>

#include "core/check.hpp"
#include "core/errors.hpp"

namespace comq {
namespace {

bool match(std::string_view pattern, std::string_view name, std::vector<std::string>& captures) {
    const std::size_t star = pattern.find('*');
    const std::string_view literal = pattern.substr(0, star);
    if (!name.starts_with(literal)) return false;
    name.remove_prefix(literal.size());
    if (star == std::string_view::npos) return name.empty();

    const bool any = pattern.substr(star).starts_with("**");
    pattern.remove_prefix(star + (any ? 2 : 1));
    const std::size_t longest = any ? name.size() : std::min(name.find('.'), name.size());
    for (std::size_t length = longest; length > 0; --length) {
        captures.emplace_back(name.substr(0, length));
        if (match(pattern, name.substr(length), captures)) return true;
        captures.pop_back();
    }
    return false;
}

/** The text `number` plus `offset`; nothing when it isn't a number. */
std::optional<std::string> shifted(const std::string& number, std::string_view offset) {
    int value = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
    if (number.size() > 9 || parsed.ptr != number.data() + number.size()) return std::nullopt;
    if (offset.starts_with('+')) offset.remove_prefix(1);
    int shift = 0;
    std::from_chars(offset.data(), offset.data() + offset.size(), shift);
    return std::to_string(value + shift);
}

std::optional<std::string> substitute(std::string_view replacement,
                                      const std::vector<std::string>& captures) {
    std::string result;
    for (std::size_t dollar; (dollar = replacement.find('$')) != std::string_view::npos;) {
        result += replacement.substr(0, dollar);
        replacement.remove_prefix(dollar + 1);
        COMQ_CHECK(!replacement.empty() && replacement.front() >= '1' &&
                   replacement.front() <= '9');
        const auto capture = static_cast<std::size_t>(replacement.front() - '1');
        COMQ_CHECK(capture < captures.size());
        replacement.remove_prefix(1);
        if (!replacement.starts_with('{')) {
            result += captures[capture];
            continue;
        }
        const std::size_t end = replacement.find('}');
        const auto number = shifted(captures[capture], replacement.substr(1, end - 1));
        if (!number) return std::nullopt;
        result += *number;
        replacement.remove_prefix(end + 1);
    }
    return result.append(replacement);
}

/** What becomes of a tensor; without a name it is dropped. */
struct Renamed {
    std::optional<std::string> name;
    RowPart part;
    bool as_matrix = false;
};

Renamed renamed(const std::string& name, const KeyMap& map) {
    for (const KeyRule& rule : map.rules) {
        const auto captures = match_pattern(rule.pattern, name);
        if (!captures) continue;
        if (!rule.replacement) return {};
        if (auto target = substitute(*rule.replacement, *captures)) {
            return {std::move(target), rule.part, rule.as_matrix};
        }
    }
    return {name, {}, false};
}

HostTensor as_matrix(HostTensor tensor) {
    if (tensor.shape.size() < 3) return tensor;
    const int64_t rows = tensor.shape[0];
    tensor.shape = {rows, rows == 0 ? 0 : tensor.numel() / rows};
    return tensor;
}

/** The rows of all parts, in their order; `names` are what they were called. */
HostTensor joined(const std::map<int, HostTensor>& parts, const std::map<int, std::string>& names,
                  const std::string& file) {
    HostTensor whole = parts.begin()->second;
    const auto same_rows = [&](const HostTensor& part) {
        return part.dtype == whole.dtype && !part.shape.empty() &&
               std::equal(part.shape.begin() + 1, part.shape.end(), whole.shape.begin() + 1,
                          whole.shape.end());
    };
    std::vector<std::byte> bytes;
    int64_t rows = 0;
    for (const auto& [number, part] : parts) {
        if (whole.shape.empty() || !same_rows(part)) {
            throw InputError(
                "{}: tensors '{}' and '{}' belong together, but their shapes are {} and {}", file,
                names.begin()->second, names.at(number), format_shape(parts.begin()->second.shape),
                format_shape(part.shape));
        }
        rows += part.shape[0];
        bytes.insert(bytes.end(), part.bytes().begin(), part.bytes().end());
    }
    whole.shape[0] = rows;
    return HostTensor::copy_of<std::byte>(whole.dtype, whole.shape, bytes);
}

}  // namespace

std::optional<std::vector<std::string>> match_pattern(const std::string& pattern,
                                                      const std::string& name) {
    std::vector<std::string> captures;
    if (!match(pattern, name, captures)) return std::nullopt;
    return captures;
}

bool KeyMap::applies_to(const TensorMap& tensors) const {
    return std::any_of(tensors.begin(), tensors.end(), [&](const auto& tensor) {
        return match_pattern(marker, tensor.first).has_value();
    });
}

TensorMap rename_tensors(const TensorMap& tensors, const KeyMap& map, const std::string& file) {
    struct Target {
        int parts = 1;
        std::map<int, std::string> old_names;
        std::map<int, HostTensor> values;
    };
    std::map<std::string, Target> targets;
    for (const auto& [name, tensor] : tensors) {
        const auto [target, part, as_matrix_too] = renamed(name, map);
        if (!target) continue;
        Target& whole = targets[*target];
        whole.parts = part.of;
        const auto [known, inserted] = whole.old_names.emplace(part.number, name);
        if (!inserted) {
            throw InputError("{}: tensors '{}' and '{}' would both be '{}' by the names of {}",
                             file, known->second, name, *target, map.publisher);
        }
        whole.values.emplace(part.number, as_matrix_too ? as_matrix(tensor) : tensor);
    }
    TensorMap result;
    for (const auto& [name, target] : targets) {
        const auto& [parts, old_names, values] = target;
        if (std::ssize(values) != parts) {
            throw InputError(
                "{}: '{}' is made of {} tensors by the names of {}, but there is only {}", file,
                name, parts, map.publisher, old_names.begin()->second);
        }
        result.emplace(name, parts == 1 ? values.begin()->second : joined(values, old_names, file));
    }
    return result;
}

}  // namespace comq
