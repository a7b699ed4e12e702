#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/errors.hpp"
#include "networks/programs/graph.hpp"

namespace comq {

namespace {

using SizeArguments = std::vector<c10::IValue>;

int64_t size_at(const SizeArguments& arguments, std::size_t index) {
    if (index >= arguments.size()) throw InputError("an argument is missing");
    const c10::IValue& value = arguments[index];
    if (value.isBool()) return value.toBool() ? 1 : 0;
    if (!value.isInt()) throw InputError("a size that is no whole number");
    return value.toInt();
}

/** The result of an operation that says whether it went beyond 64 bits. */
template <typename Operation>
c10::IValue checked(Operation operation) {
    int64_t result = 0;
    if (operation(&result)) throw InputError("a size beyond 64 bits");
    return result;
}

/** Python's quotient and remainder: towards minus infinity. */
struct Division {
    int64_t quotient;
    int64_t remainder;
};
Division divide(const SizeArguments& arguments) {
    const int64_t a = size_at(arguments, 0), b = size_at(arguments, 1);
    if (b == 0 || (a == INT64_MIN && b == -1)) throw InputError("a division by {}", b);
    Division result{a / b, a % b};
    if (result.remainder != 0 && (result.remainder < 0) != (b < 0)) {
        --result.quotient;
        result.remainder += b;
    }
    return result;
}

c10::IValue item_of(const SizeArguments& arguments) {
    if (arguments.empty()) throw InputError("an argument is missing");
    const c10::IValue& sequence = arguments[0];
    if (!sequence.isList() && !sequence.isTuple()) throw InputError("an item of what is no list");
    const auto items = sequence.isList() ? sequence.toListRef().vec()
                                         : SizeArguments(sequence.toTupleRef().elements());
    const auto count = static_cast<int64_t>(items.size());
    const int64_t index = size_at(arguments, 1);
    if (index < -count || index >= count) throw InputError("item {} of {}", index, count);
    return items[static_cast<std::size_t>(index < 0 ? index + count : index)];
}

const std::map<std::string, SizeFunction>& size_functions() {
    using Arguments = const SizeArguments&;
    using Result = c10::IValue;
    static const std::map<std::string, SizeFunction> functions{
        {"_operator.add",
         [](Arguments a) {
             return checked([&](int64_t* result) {
                 return __builtin_add_overflow(size_at(a, 0), size_at(a, 1), result);
             });
         }},
        {"_operator.sub",
         [](Arguments a) {
             return checked([&](int64_t* result) {
                 return __builtin_sub_overflow(size_at(a, 0), size_at(a, 1), result);
             });
         }},
        {"_operator.mul",
         [](Arguments a) {
             return checked([&](int64_t* result) {
                 return __builtin_mul_overflow(size_at(a, 0), size_at(a, 1), result);
             });
         }},
        {"_operator.neg",
         [](Arguments a) {
             return checked([&](int64_t* result) {
                 return __builtin_sub_overflow(int64_t{0}, size_at(a, 0), result);
             });
         }},
        {"_operator.floordiv", [](Arguments a) -> Result { return divide(a).quotient; }},
        {"_operator.mod", [](Arguments a) -> Result { return divide(a).remainder; }},
        {"_operator.getitem", item_of},
        {"_operator.eq", [](Arguments a) -> Result { return size_at(a, 0) == size_at(a, 1); }},
        {"_operator.ne", [](Arguments a) -> Result { return size_at(a, 0) != size_at(a, 1); }},
        {"_operator.lt", [](Arguments a) -> Result { return size_at(a, 0) < size_at(a, 1); }},
        {"_operator.le", [](Arguments a) -> Result { return size_at(a, 0) <= size_at(a, 1); }},
        {"_operator.gt", [](Arguments a) -> Result { return size_at(a, 0) > size_at(a, 1); }},
        {"_operator.ge", [](Arguments a) -> Result { return size_at(a, 0) >= size_at(a, 1); }},
        {"_operator.truediv",
         [](Arguments a) -> Result {
             if (size_at(a, 1) == 0) throw InputError("a division by 0");
             return static_cast<double>(size_at(a, 0)) / static_cast<double>(size_at(a, 1));
         }},
        {"torch.sym_max",
         [](Arguments a) -> Result { return std::max(size_at(a, 0), size_at(a, 1)); }},
        {"torch.sym_min",
         [](Arguments a) -> Result { return std::min(size_at(a, 0), size_at(a, 1)); }},
        {"torch.sym_not", [](Arguments a) -> Result { return size_at(a, 0) == 0; }},
    };
    return functions;
}

}  // namespace

SizeFunction size_function(const std::string& target) {
    const auto& functions = size_functions();
    const auto found = functions.find(target);
    return found == functions.end() ? nullptr : found->second;
}

bool allowed_operator(const std::string& name) {
    // LibTorch checks what its public operators are given; of the private ones only these.
    static constexpr std::array<std::string_view, 20> checked_private{
        "__and__",
        "__or__",
        "__xor__",
        "_adaptive_avg_pool2d",
        "_assert_async",
        "_assert_scalar",
        "_assert_tensor_metadata",
        "_conj",
        "_convolution",
        "_log_softmax",
        "_native_batch_norm_legit_no_training",
        "_safe_softmax",
        "_shape_as_tensor",
        "_softmax",
        "_to_copy",
        "_unsafe_view",
        "_upsample_bicubic2d_aa",
        "_upsample_bilinear2d_aa",
        "_upsample_nearest_exact2d",
        "_weight_norm"};
    static constexpr std::array<std::string_view, 5> forbidden{"from_file", "set_", "resize_",
                                                               "resize_as_", "set_data"};
    if (name.starts_with('_'))
        return std::ranges::find(checked_private, name) != checked_private.end();
    return std::ranges::find(forbidden, name) == forbidden.end();
}

}  // namespace comq
