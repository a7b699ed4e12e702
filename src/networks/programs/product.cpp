#include "networks/programs/product.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

namespace comq {

namespace {

/** "conv2d" of "aten.conv2d.padding"; empty outside ATen. */
std::string_view operation_of(const Node& node) {
    constexpr std::string_view library = "aten.";
    const std::string_view target = node.target;
    if (!target.starts_with(library)) return {};
    return target.substr(library.size(), target.find('.', library.size()) - library.size());
}

bool is_any_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
}

/** Which arguments of an operator multiply each other. */
struct Factors {
    std::vector<Place> places;
    bool weight_is_second = false;  ///< or else either may be the weight
    std::optional<Place> added;
};

std::optional<Factors> factors_of(const Node& node) {
    const auto operation = operation_of(node);
    if (operation == "linear" || is_convolution(node)) return Factors{{{0}, {1}}, true, Place{2}};
    if (is_any_of(operation, {"mm", "matmul", "bmm", "mv"})) return Factors{{{0}, {1}}, false, {}};
    if (operation == "addmm") return Factors{{{1}, {2}}, false, Place{0}};
    if (operation == "einsum") {
        Factors factors;
        for (std::size_t i = 0; i < node.arguments.at(1).operands.size(); ++i) {
            factors.places.push_back({1, i});
        }
        return factors;
    }
    return std::nullopt;
}

/** Operators that multiply and are no layers. */
bool multiplies_otherwise(const Node& node) {
    return is_any_of(
        operation_of(node),
        {"conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution",
         "bilinear", "addbmm", "baddbmm", "addmv", "addr", "dot", "vdot", "inner", "outer", "kron",
         "tensordot", "chain_matmul", "linalg_multi_dot"});
}

ValueId value_at(const Node& node, const Place& place) {
    if (!place.item) return node.input(place.argument);
    return node.arguments.at(place.argument).operands.at(*place.item).value;
}

/** The dimensions of a product's tensors, a letter each, as in einsum. */
struct Letters {
    std::string input;
    std::string weight;
    std::string output;
};

/** Einsum's letters without spaces; ranks fill in what "..." stands for. */
Letters letters_of_einsum(const std::string& equation, const Multiplication& multiplication,
                          std::size_t input_rank, std::size_t weight_rank) {
    std::string text;
    std::ranges::copy_if(equation, std::back_inserter(text), [](char c) { return c != ' '; });
    const auto comma = text.find(','), arrow = text.find("->");
    if (comma == std::string::npos || comma > arrow) throw Refusal{"its equation is not read"};
    std::string first = text.substr(0, comma);
    std::string second =
        text.substr(comma + 1, arrow == std::string::npos ? arrow : arrow - comma - 1);
    if (multiplication.weight.item == std::size_t{0}) std::swap(first, second);
    Letters letters{first, second, {}};
    // Dimensions before the letters that are written, the last of them "9".
    std::string longest;
    const auto spell_out = [&](std::string& term, std::size_t rank) {
        constexpr std::string_view dots = "...";
        const auto at = term.find(dots);
        if (at == std::string::npos) return;
        const std::size_t written = term.size() - dots.size();
        if (rank < written || rank - written > 10) throw Refusal{"its equation does not fit"};
        std::string digits = std::string("0123456789").substr(10 - (rank - written));
        if (digits.size() > longest.size()) longest = digits;
        term.replace(at, dots.size(), digits);
    };
    spell_out(letters.input, input_rank);
    spell_out(letters.weight, weight_rank);
    if (arrow != std::string::npos) {
        letters.output = text.substr(arrow + 2);
        if (const auto at = letters.output.find("..."); at != std::string::npos) {
            letters.output.replace(at, 3, longest);
        }
        return letters;
    }
    const std::string both = letters.input + letters.weight;
    std::ranges::copy_if(both, std::back_inserter(letters.output), [&](char c) {
        return std::ranges::count(both, c) == 1 && longest.find(c) == std::string::npos;
    });
    std::ranges::sort(letters.output);
    letters.output.insert(0, longest);
    return letters;
}

/** Of a product of matrices, or of batches of them. */
Letters letters_of_matmul(bool weight_is_second, const std::vector<std::string>& input_sizes,
                          const torch::Tensor& weight) {
    const std::size_t input_rank = input_sizes.size();
    const auto weight_rank = static_cast<std::size_t>(weight.dim());
    const std::size_t left_rank = weight_is_second ? input_rank : weight_rank;
    const std::size_t right_rank = weight_is_second ? weight_rank : input_rank;
    const auto batch = [](std::size_t rank) {
        const std::size_t count = rank > 2 ? rank - 2 : 0;
        if (count > 10) throw Refusal{"it has too many dimensions"};
        return std::string("0123456789").substr(10 - count);
    };
    const std::string left = batch(left_rank) + (left_rank > 1 ? "nk" : "k");
    const std::string right = batch(right_rank) + (right_rank > 1 ? "km" : "k");
    Letters letters{weight_is_second ? left : right, weight_is_second ? right : left,
                    batch(std::max(left_rank, right_rank)) + (left_rank > 1 ? "n" : "") +
                        (right_rank > 1 ? "m" : "")};
    // One of the weight's for all of the input's.
    char unique = 'A';
    for (std::size_t i = 0; i + 2 < weight_rank; ++i) {
        if (weight.size(static_cast<int64_t>(i)) == 1) letters.weight[i] = unique++;
    }
    return letters;
}

std::vector<int64_t> places_of(const std::string& wanted, const std::string& letters) {
    std::vector<int64_t> places;
    for (const char letter : wanted) {
        places.push_back(static_cast<int64_t>(letters.find(letter)));
    }
    return places;
}

LinearForm form_of(const Letters& letters, const std::vector<std::string>& input_sizes,
                   const torch::Tensor& weight, const std::string& images) {
    const auto has = [](const std::string& text, char letter) {
        return text.find(letter) != std::string::npos;
    };
    for (const std::string* term : {&letters.input, &letters.weight, &letters.output}) {
        for (const char letter : *term) {
            if (std::ranges::count(*term, letter) > 1) throw Refusal{"it takes a diagonal"};
        }
    }
    if (letters.input.size() != input_sizes.size() || std::ssize(letters.weight) != weight.dim()) {
        throw Refusal{"its equation does not fit"};
    }
    std::string rows, groups, out, single, summed;
    for (std::size_t i = 0; i < letters.input.size(); ++i) {
        const char letter = letters.input[i];
        if (has(letters.weight, letter)) continue;
        if (!has(letters.output, letter)) throw Refusal{"it sums its input over some dimension"};
        // The rows of an image follow each other.
        rows.insert(input_sizes[i] == images ? 0 : rows.size(), 1, letter);
    }
    LinearForm form;
    for (std::size_t i = 0; i < letters.weight.size(); ++i) {
        const char letter = letters.weight[i];
        const int64_t size = weight.size(static_cast<int64_t>(i));
        const auto at = letters.input.find(letter);
        if (at != std::string::npos && input_sizes[at] != fmt::format("{}", size)) {
            throw Refusal{"it repeats its input or its weight along some dimension"};
        }
        const bool in_output = has(letters.output, letter);
        if (at != std::string::npos && in_output) {
            groups += letter;
            form.groups *= size;
        } else if (at != std::string::npos) {
            summed += letter;
        } else if (in_output) {
            out += letter;
            form.out_features *= size;
        } else if (size == 1) {
            single += letter;
        } else {
            throw Refusal{"it sums its weight over some dimension"};
        }
    }
    if (summed.empty()) throw Refusal{"it sums over no dimension"};
    form.out_features *= form.groups;
    const auto row_axes = std::ssize(rows);
    form.input = TensorForm::rows(places_of(rows + groups + summed, letters.input), row_axes);
    form.output = TensorForm::rows(places_of(rows + groups + out, letters.output), row_axes);
    form.weight_axes = places_of(groups + out + single + summed, letters.weight);
    return form;
}

bool is_one(const Node& node, std::size_t index) {
    const c10::IValue* factor = constant_at(node, index);
    return factor != nullptr && factor->isScalar() && factor->toScalar().toDouble() == 1.0;
}

}  // namespace

const c10::IValue* constant_at(const Node& node, std::size_t index) {
    if (index >= node.arguments.size()) return nullptr;
    const Argument& argument = node.arguments[index];
    const bool known = argument.form == Argument::Form::single && argument.operands[0].value < 0;
    return known ? &argument.operands[0].constant : nullptr;
}

bool is_recurrent(const Node& node) {
    return is_any_of(operation_of(node), {"lstm", "lstm_cell", "gru", "gru_cell", "rnn_tanh",
                                          "rnn_tanh_cell", "rnn_relu", "rnn_relu_cell"});
}

std::optional<Multiplication> multiplication_of(const Node& node,
                                                const std::function<bool(ValueId)>& is_weight) {
    const auto factors = factors_of(node);
    if (!factors) {
        bool any = false;
        node.each_input([&](ValueId value) { any = any || is_weight(value); });
        if (!any || !multiplies_otherwise(node)) return std::nullopt;
        throw Refusal{fmt::format("{} is no layer that is known", node.target)};
    }
    const auto weighs = [&](const Place& place) {
        const ValueId value = value_at(node, place);
        return value >= 0 && is_weight(value);
    };
    const std::size_t first = factors->weight_is_second ? 1 : 0;
    const auto weight =
        std::ranges::find_if(factors->places.begin() + static_cast<std::ptrdiff_t>(first),
                             factors->places.end(), weighs);
    if (weight == factors->places.end() || factors->places.size() == 1) return std::nullopt;
    if (factors->places.size() != 2) {
        throw Refusal{fmt::format("it multiplies {} tensors", factors->places.size())};
    }
    Multiplication found;
    found.weight = *weight;
    found.input = factors->places[weight == factors->places.begin() ? 1 : 0];
    found.input_value = value_at(node, found.input);
    found.weight_value = value_at(node, found.weight);
    if (factors->added) {
        found.bias = factors->added;
        found.bias_value = value_at(node, *factors->added);
    }
    return found;
}

torch::Tensor LinearForm::weight(const torch::Tensor& tensor) const {
    if (tensor.dim() == 2 && std::ranges::is_sorted(weight_axes)) return tensor;
    const auto ordered = tensor.permute(weight_axes);
    const auto matrix = ordered.reshape({out_features, -1});
    return matrix.is_alias_of(tensor) ? matrix : ordered;
}

LinearForm linear_form(const ProgramGraph& graph, const Node& node,
                       const Multiplication& multiplication, const torch::Tensor& weight) {
    const auto operation = operation_of(node);
    if (operation == "linear") {
        if (weight.dim() != 2) {
            throw Refusal{fmt::format("its weight has {} dimensions", weight.dim())};
        }
        return {{}, {}, {0, 1}, 1, weight.size(0)};
    }
    if (operation == "addmm" && !(is_one(node, 3) && is_one(node, 4))) {
        throw Refusal{"it scales its product"};
    }
    const auto& sizes = graph.values[static_cast<std::size_t>(multiplication.input_value)].sizes;
    if (sizes.empty()) throw Refusal{"the dimensions of its input are not known"};
    const std::string& images = graph.values[static_cast<std::size_t>(graph.images)].sizes[0];
    if (operation == "einsum") {
        const c10::IValue* equation = constant_at(node, 0);
        if (equation == nullptr || !equation->isString()) throw Refusal{"its equation is computed"};
        return form_of(letters_of_einsum(equation->toStringRef(), multiplication, sizes.size(),
                                         static_cast<std::size_t>(weight.dim())),
                       sizes, weight, images);
    }
    const bool second = multiplication.weight.argument > multiplication.input.argument;
    return form_of(letters_of_matmul(second, sizes, weight), sizes, weight, images);
}

}  // namespace comq
