#include "weights/torch_pickle.hpp"

#include <fmt/format.h>

#include <array>

namespace comq {
namespace {

enum class Function {
    tensor,     ///< (storage, offset, size, stride, requires_grad, hooks, flags): a typed view
    tensor_v3,  ///< (storage, offset, size, stride, requires_grad, hooks, dtype, flags)
    first,      ///< (value, …): the value itself, as parameters and sizes are
    from_type,  ///< (function, type, arguments, state): a call for a subclass of Tensor
    dictionary,
};

struct NamedFunction {
    std::string_view name;
    Function function;
};

/** The whole allow-list of what is built. */
constexpr std::array<NamedFunction, 9> functions{{
    {"collections.OrderedDict", Function::dictionary},
    {"collections.defaultdict", Function::dictionary},
    {"torch._utils._rebuild_tensor", Function::tensor},
    {"torch._utils._rebuild_tensor_v2", Function::tensor},
    {"torch._utils._rebuild_tensor_v3", Function::tensor_v3},
    {"torch._utils._rebuild_parameter", Function::first},
    {"torch._utils._rebuild_parameter_with_state", Function::first},
    {"torch.Size", Function::first},
    {"torch._tensor._rebuild_from_type_v2", Function::from_type},
}};

struct NamedDType {
    std::string_view dtype;
    std::string_view storage;
    DType value;
};

constexpr std::array<NamedDType, 10> dtypes{{
    {"float64", "DoubleStorage", DType::f64},
    {"float32", "FloatStorage", DType::f32},
    {"float16", "HalfStorage", DType::f16},
    {"bfloat16", "BFloat16Storage", DType::bf16},
    {"int64", "LongStorage", DType::i64},
    {"int32", "IntStorage", DType::i32},
    {"int16", "ShortStorage", DType::i16},
    {"int8", "CharStorage", DType::i8},
    {"uint8", "ByteStorage", DType::u8},
    {"bool", "BoolStorage", DType::boolean},
}};

std::optional<Function> function_named(std::string_view name) {
    for (const NamedFunction& entry : functions) {
        if (entry.name == name) return entry.function;
    }
    return std::nullopt;
}

std::string_view name_of_function(const PickleValue& function) {
    if (const auto* global = function.get<PickleGlobal>()) return global->name;
    if (const auto* opaque = function.get<PickleOpaque>()) return opaque->made_by;
    return "an unnamed function";
}

PickleRef argument(std::span<const PickleRef> arguments, std::size_t index, const ByteReader& in,
                   std::size_t offset) {
    if (index >= arguments.size()) in.fail_damaged(offset, "a call lacks arguments");
    return arguments[index];
}

}  // namespace

std::optional<DType> torch_dtype(std::string_view name) {
    if (!name.starts_with("torch.")) return std::nullopt;
    name.remove_prefix(name.rfind('.') + 1);
    for (const NamedDType& entry : dtypes) {
        if (name == entry.dtype || name == entry.storage) return entry.value;
    }
    return std::nullopt;
}

PickleRef TorchMeaning::call(const ByteReader& in, PickleArena& arena, std::size_t offset,
                             PickleRef function, std::span<const PickleRef> arguments) {
    const std::string_view name = name_of_function(*function);
    const auto known = function_named(name);
    if (!known) return arena.make(offset, PickleOpaque{name});
    const auto at = [&](std::size_t i) { return argument(arguments, i, in, offset); };
    const auto maybe = [&](std::size_t i) { return i < arguments.size() ? arguments[i] : nullptr; };
    switch (*known) {
        case Function::tensor:
            return arena.make(offset, TorchTensor{at(0), at(1), at(2), at(3), nullptr, maybe(6)});
        case Function::tensor_v3:
            return arena.make(offset, TorchTensor{at(0), at(1), at(2), at(3), at(6), maybe(7)});
        case Function::first:
            return at(0);
        case Function::from_type: {
            const std::string_view inner = name_of_function(*at(0));
            const auto* inner_arguments = at(2)->get<PickleSequence>();
            // A second level of the same function would be recursion without a bound.
            if (inner_arguments == nullptr || inner == name) {
                return arena.make(offset, PickleOpaque{inner});
            }
            return call(in, arena, offset, at(0), inner_arguments->items);
        }
        case Function::dictionary:
            return dictionary(in, arena, offset, arguments);
    }
    return nullptr;
}

/** OrderedDict() or, from Python 2, OrderedDict([[key, value], …]). */
PickleRef TorchMeaning::dictionary(const ByteReader& in, PickleArena& arena, std::size_t offset,
                                   std::span<const PickleRef> arguments) {
    PickleMapping mapping;
    const auto* pairs = arguments.empty() ? nullptr : arguments[0]->get<PickleSequence>();
    if (pairs != nullptr) {
        // One list may be named by any number of calls; each copies it.
        copied_entries_ += pairs->items.size();
        if (copied_entries_ > in.size())
            in.fail_damaged(offset, "dictionaries repeat the same list");
        for (const PickleRef item : pairs->items) {
            const auto* pair = item->get<PickleSequence>();
            if (pair == nullptr || pair->items.size() != 2) {
                in.fail_damaged(offset, "a dictionary is made of something else than pairs");
            }
            mapping.entries.emplace_back(pair->items[0], pair->items[1]);
        }
    }
    return arena.make(offset, std::move(mapping));
}

/**
 * ("storage", class, key, location, numel) or, in the legacy format, with a sixth part
 * (view key, first element, elements) or None; ("module", class, …) stands for a class.
 */
PickleRef TorchMeaning::persistent(const ByteReader& in, PickleArena& arena, std::size_t offset,
                                   PickleRef id) {
    const auto* parts = id->get<PickleSequence>();
    const auto* kind = parts != nullptr && !parts->items.empty()
                           ? parts->items[0]->get<std::string_view>()
                           : nullptr;
    if (kind != nullptr && *kind == "module" && parts->items.size() > 1) return parts->items[1];
    if (kind == nullptr || *kind != "storage" || parts->items.size() < 5) {
        in.fail_damaged(offset, "a persistent id is not torch.save's");
    }
    const auto* type = parts->items[1]->get<PickleGlobal>();
    const auto* key = parts->items[2]->get<std::string_view>();
    const auto* numel = parts->items[4]->get<int64_t>();
    if (type == nullptr || key == nullptr || numel == nullptr || *numel < 0) {
        in.fail_damaged(offset, "a storage is not described as torch.save does");
    }
    TorchStorage storage{*key, type->name, torch_dtype(type->name), *numel, 0};
    const auto [known, inserted] = storages_.emplace(*key, storage);
    if (!inserted && (known->second.type != storage.type || known->second.numel != *numel)) {
        in.fail_damaged(offset, fmt::format("storage '{}' is described in two ways", *key));
    }
    if (parts->items.size() > 5) {
        if (const auto* view = parts->items[5]->get<PickleSequence>()) {
            const auto* first = view->items.size() == 3 ? view->items[1]->get<int64_t>() : nullptr;
            if (first == nullptr || *first < 0 || *first > *numel) {
                in.fail_damaged(offset,
                                fmt::format("a view of storage '{}' lies outside it", *key));
            }
            storage.view_offset = *first;
        }
    }
    return arena.make(offset, storage);
}

}  // namespace comq
