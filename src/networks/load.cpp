#include "networks/load.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string_view>

#include "core/errors.hpp"
#include "networks/families/families.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

constexpr std::size_t named_in_errors = 3;

/** Tensors that the architecture determines: a checkpoint may hold them or not. */
bool follows_from_architecture(std::string_view name) {
    return name.ends_with("num_batches_tracked") || name.ends_with("relative_position_index") ||
           name.ends_with("attn_mask");
}

struct Mismatch {
    std::string name;
    std::vector<int64_t> found;
    std::vector<int64_t> expected;
};

struct Comparison {
    std::vector<std::string> missing;
    std::vector<std::string> unexpected;
    std::vector<Mismatch> misshaped;
    std::size_t matching = 0;
};

Comparison compare(const std::map<std::string, torch::Tensor>& expected, const TensorMap& found) {
    Comparison result;
    for (const auto& [name, tensor] : expected) {
        const auto match = found.find(name);
        if (match == found.end()) {
            result.missing.push_back(name);
        } else if (match->second.shape != tensor.sizes().vec()) {
            result.misshaped.push_back({name, match->second.shape, tensor.sizes().vec()});
        } else {
            ++result.matching;
        }
    }
    for (const auto& [name, tensor] : found) {
        if (!follows_from_architecture(name) && !expected.contains(name)) {
            result.unexpected.push_back(name);
        }
    }
    return result;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

const Mismatch* find(const std::vector<Mismatch>& mismatches, std::string_view name) {
    const auto match = std::find_if(mismatches.begin(), mismatches.end(),
                                    [&](const Mismatch& m) { return m.name == name; });
    return match == mismatches.end() ? nullptr : &*match;
}

std::string first_of(const std::vector<std::string>& names) {
    const auto shown = std::min(names.size(), named_in_errors);
    return fmt::format("{}{}",
                       fmt::join(names.begin(), names.begin() + static_cast<long>(shown), ", "),
                       names.size() > shown ? ", …" : "");
}

/** The parts of names up to the first dot. */
std::vector<std::string> begins_of(const TensorMap& tensors) {
    std::set<std::string> begins;
    for (const auto& [name, tensor] : tensors) begins.insert(name.substr(0, name.find('.')));
    return {begins.begin(), begins.end()};
}

bool is_floating(DType dtype) {
    return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 ||
           dtype == DType::bf16;
}

/**
 * The tensor by which a library scales the low-bit numbers of a weight, if there is one that the
 * network has no place for. What is done with it (whether it multiplies or divides, for which block
 * of the weight) is that library's: numbers made by another rule would be wrong without a word.
 */
const std::string* foreign_scale(const std::vector<std::string>& unexpected) {
    constexpr std::array<std::string_view, 7> ends{
        ".weight_scale", ".weight_scale_inv", ".scale_weight", ".weight_scales",
        ".SCB",          ".weight.absmax",    "scaled_fp8"};
    const auto found = std::ranges::find_if(unexpected, [&](const std::string& name) {
        return std::ranges::any_of(ends, [&](auto end) { return name.ends_with(end); });
    });
    return found == unexpected.end() ? nullptr : &*found;
}

/** The sentence that tells a recognisable cause, or an empty string. */
std::string diagnosis(const Network& network, const TensorMap& tensors,
                      const Comparison& comparison) {
    const std::size_t expected =
        comparison.matching + comparison.missing.size() + comparison.misshaped.size();
    if (comparison.missing.size() * 2 > expected) {
        const std::string family = recognised_family(tensors);
        if (!family.empty()) return fmt::format("this is the checkpoint of {}", family);
        return fmt::format(
            "the names are of no publisher known here (they begin with {}; where these are several "
            "networks, model.state_dict chooses one)",
            first_of(begins_of(tensors)));
    }
    if (contains(comparison.unexpected, "dist_token")) {
        return "this is a distilled checkpoint; use the model's distilled variant";
    }
    if (contains(comparison.missing, "dist_token")) {
        return "this checkpoint is not distilled; use the plain variant of the model";
    }
    if (const std::string* scale = foreign_scale(comparison.unexpected)) {
        return fmt::format(
            "its weights are quantized and '{}' scales them by a rule of the library that wrote "
            "it; have that library write the weights as float32",
            *scale);
    }
    const std::string head = network.layers().back().layer->name() + ".weight";
    const Mismatch* classifier = find(comparison.misshaped, head);
    if (classifier != nullptr && !classifier->found.empty() &&
        std::equal(classifier->found.begin() + 1, classifier->found.end(),
                   classifier->expected.begin() + 1, classifier->expected.end())) {
        return fmt::format("its classifier has {} classes instead of {}", classifier->found[0],
                           classifier->expected[0]);
    }
    const Mismatch* positions = find(comparison.misshaped, "pos_embed");
    if (positions != nullptr && positions->found.size() == 3 &&
        positions->found[2] == positions->expected[2]) {
        return fmt::format(
            "its position embedding has {} tokens instead of {}, so it was trained at another "
            "image or patch size (embeddings are never resampled)",
            positions->found[1], positions->expected[1]);
    }
    const std::size_t differing =
        comparison.misshaped.size() + comparison.missing.size() + comparison.unexpected.size();
    if (differing * 10 > expected) return "it looks like another size of the same family";
    return {};
}

std::string describe(const Comparison& comparison) {
    std::vector<std::string> parts;
    if (!comparison.missing.empty()) {
        parts.push_back(fmt::format("{} missing ({})", comparison.missing.size(),
                                    first_of(comparison.missing)));
    }
    if (!comparison.unexpected.empty()) {
        parts.push_back(fmt::format("{} unexpected ({})", comparison.unexpected.size(),
                                    first_of(comparison.unexpected)));
    }
    if (!comparison.misshaped.empty()) {
        std::vector<std::string> shapes;
        for (const Mismatch& m : comparison.misshaped) {
            shapes.push_back(fmt::format("{} {} instead of {}", m.name, format_shape(m.found),
                                         format_shape(m.expected)));
        }
        parts.push_back(fmt::format("{} of another shape ({})", shapes.size(), first_of(shapes)));
    }
    return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

namespace {

/** Calls `set(parameter, values)` with each, once all fit. */
template <typename Set>
void set_parameters(Network& network, const TensorMap& tensors, const std::string& file,
                    const Set& set) {
    std::map<std::string, torch::Tensor> expected;
    for (auto& [name, tensor] : network.state_dict()) {
        if (!follows_from_architecture(name)) expected.emplace(name, tensor);
    }
    const Comparison comparison = compare(expected, tensors);
    if (comparison.matching != expected.size() || !comparison.unexpected.empty()) {
        const std::string cause = diagnosis(network, tensors, comparison);
        throw InputError("{}: not a checkpoint of {}{}{}; tensors: {}", file, network.model_name(),
                         cause.empty() ? "" : ": ", cause, describe(comparison));
    }
    const torch::NoGradGuard no_grad;
    for (auto& [name, parameter] : expected) {
        const HostTensor& found = tensors.at(name);
        if (parameter.is_floating_point() && !is_floating(found.dtype)) {
            throw InputError(
                "{}: tensor '{}' holds integers ({}) and no scale that makes weights of them; take "
                "the float checkpoint, or save what PyTorch computes from this one",
                file, name, name_of(found.dtype));
        }
        const torch::Tensor values = to_float(found);
        if (!torch::isfinite(values).all().item<bool>()) {
            throw InputError(
                "{}: tensor '{}' holds NaN or infinite values; the checkpoint is "
                "damaged, fetch it again",
                file, name);
        }
        set(parameter, values);
    }
}

/** Kernels of LibTorch may round otherwise at other addresses. */
bool is_aligned(const torch::Tensor& tensor) {
    constexpr std::uintptr_t alignment = 64;
    return reinterpret_cast<std::uintptr_t>(tensor.data_ptr()) % alignment == 0;
}

}  // namespace

std::set<std::string> checkpoint_names(const Network& network) {
    std::set<std::string> names;
    for (const auto& [name, tensor] : network.state_dict()) {
        if (!follows_from_architecture(name)) names.insert(name);
    }
    return names;
}

void load_parameters(Network& network, const TensorMap& tensors, const std::string& file) {
    set_parameters(
        network, tensors, file,
        [](torch::Tensor& parameter, const torch::Tensor& values) { parameter.copy_(values); });
}

void take_over_parameters(Network& network, const TensorMap& tensors, const std::string& file) {
    set_parameters(network, tensors, file,
                   [](torch::Tensor& parameter, const torch::Tensor& values) {
                       if (parameter.scalar_type() == values.scalar_type() && is_aligned(values)) {
                           parameter.set_data(values);
                       } else {
                           parameter.copy_(values);
                       }
                   });
    network.parameters_moved();
}

}  // namespace comq
