#include "networks/programs/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/errors.hpp"
#include "networks/programs/json_fields.hpp"

namespace comq {

namespace {

using Json = nlohmann::json;

/** c10's number for that of the archive's enumeration. */
template <std::size_t count>
int64_t translated(const Json& serialized, const std::array<int64_t, count>& table,
                   const char* what) {
    const int64_t value = integer_of(serialized);
    if (value < 0 || value >= static_cast<int64_t>(count) ||
        table[static_cast<std::size_t>(value)] < 0) {
        throw InputError("{} number {} is not known", what, value);
    }
    return table[static_cast<std::size_t>(value)];
}

int64_t scalar_type(const Json& serialized) {
    static constexpr auto number = [](c10::ScalarType type) { return static_cast<int64_t>(type); };
    static constexpr std::array<int64_t, 14> table{-1,
                                                   number(c10::kByte),
                                                   number(c10::kChar),
                                                   number(c10::kShort),
                                                   number(c10::kInt),
                                                   number(c10::kLong),
                                                   number(c10::kHalf),
                                                   number(c10::kFloat),
                                                   number(c10::kDouble),
                                                   -1,
                                                   number(c10::kComplexFloat),
                                                   number(c10::kComplexDouble),
                                                   number(c10::kBool),
                                                   number(c10::kBFloat16)};
    return translated(serialized, table, "dtype");
}

int64_t layout(const Json& serialized) {
    static constexpr std::array<int64_t, 8> table{
        -1, -1, -1, -1, -1, -1, -1, static_cast<int64_t>(c10::Layout::Strided)};
    return translated(serialized, table, "layout");
}

int64_t memory_format(const Json& serialized) {
    static constexpr auto number = [](c10::MemoryFormat format) {
        return static_cast<int64_t>(format);
    };
    static constexpr std::array<int64_t, 5> table{
        -1, number(c10::MemoryFormat::Contiguous), number(c10::MemoryFormat::ChannelsLast),
        number(c10::MemoryFormat::ChannelsLast3d), number(c10::MemoryFormat::Preserve)};
    return translated(serialized, table, "memory format");
}

/** Reads operands; knows which values there are. */
class OperandReader {
  public:
    OperandReader(const ProgramGraph& graph, const ValueNames& names)
        : graph_(graph), names_(names) {}

    Operand tensor(const Json& json) const {
        return value(json.at("name").get<std::string>(), /*tensor=*/true);
    }
    /** A size: {"as_int": 3}, or the name of one. */
    Operand size(const Json& json) const {
        const auto [kind, content] = union_of(json);
        if (kind == "as_name") return value(content.get<std::string>(), /*tensor=*/false);
        return constant(kind, content);
    }

    /** Neither a value nor a list. */
    static Operand constant(const std::string& kind, const Json& content) {
        if (kind == "as_none") return {};
        if (kind == "as_int") return {-1, integer_of(content)};
        if (kind == "as_float") return {-1, floating(content)};
        if (kind == "as_bool") return {-1, content.get<bool>()};
        if (kind == "as_string") return {-1, content.get<std::string>()};
        if (kind == "as_scalar_type") {
            const int64_t type = scalar_type(content);
            return {-1, type, type == static_cast<int64_t>(c10::kFloat)};
        }
        if (kind == "as_layout") return {-1, layout(content)};
        if (kind == "as_memory_format") return {-1, memory_format(content)};
        // Which one is that of the images at run time.
        if (kind == "as_device") return {-1, c10::Device(c10::kCPU)};
        throw InputError("arguments of kind {} are not read", kind);
    }

  private:
    /** JSON has no infinities; the archive writes them as text. */
    static double floating(const Json& json) {
        if (!json.is_string()) return json.get<double>();
        const auto text = json.get<std::string>();
        if (text == "Infinity") return std::numeric_limits<double>::infinity();
        if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
        if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
        throw InputError("'{}' is no number", text);
    }

    Operand value(const std::string& name, bool tensor) const {
        const auto found = names_.find(name);
        if (found == names_.end()) throw InputError("'{}' is used before it is made", name);
        if (graph_.values[static_cast<std::size_t>(found->second)].tensor != tensor) {
            throw InputError("'{}' is {} here and not where it is made", name,
                             tensor ? "a tensor" : "a size");
        }
        return {found->second, {}};
    }

    const ProgramGraph& graph_;
    const ValueNames& names_;
};

/** An argument before the schema has a say. */
struct ReadArgument {
    bool list = false;
    bool optional_tensors = false;
    std::vector<Operand> operands;
};

ReadArgument read_argument(const Json& json, const OperandReader& reader) {
    const auto [kind, content] = union_of(json);
    ReadArgument argument;
    const auto each = [&, &content = content](const auto& read) {
        argument.list = true;
        for (const Json& item : content) argument.operands.push_back(read(item));
    };
    if (kind == "as_tensor") {
        argument.operands.push_back(reader.tensor(content));
    } else if (kind == "as_sym_int" || kind == "as_sym_float" || kind == "as_sym_bool") {
        argument.operands.push_back(reader.size(content));
    } else if (kind == "as_tensors") {
        each([&](const Json& item) { return reader.tensor(item); });
    } else if (kind == "as_optional_tensor") {
        const auto [item_kind, item] = union_of(content);
        argument.operands.push_back(item_kind == "as_none" ? Operand{} : reader.tensor(item));
    } else if (kind == "as_optional_tensors") {
        each([&](const Json& item) {
            const auto [item_kind, tensor] = union_of(item);
            return item_kind == "as_none" ? Operand{} : reader.tensor(tensor);
        });
    } else if (kind == "as_sym_ints" || kind == "as_sym_floats" || kind == "as_sym_bools") {
        each([&](const Json& item) { return reader.size(item); });
    } else if (kind == "as_ints" || kind == "as_floats" || kind == "as_bools" ||
               kind == "as_strings") {
        const std::string item_kind = kind.substr(0, kind.size() - 1);
        each([&](const Json& item) { return OperandReader::constant(item_kind, item); });
    } else {
        argument.operands.push_back(OperandReader::constant(kind, content));
    }
    return argument;
}

c10::TypePtr without_optional(c10::TypePtr type) {
    while (const auto optional = type->cast<c10::OptionalType>()) type = optional->getElementType();
    return type;
}

torch::Tensor wrapped_number(const c10::IValue& number) {
    torch::Tensor tensor = c10::scalar_to_tensor(number.toScalar());
    // As in Python, a number does not decide the dtype of a result.
    tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
    return tensor;
}

bool is_number(const c10::IValue& value) {
    return value.isInt() || value.isDouble() || value.isBool();
}

/** `constant` as the schema's type wants it. */
c10::IValue fitted(const c10::IValue& constant, const c10::TypePtr& type) {
    const c10::TypePtr wanted = without_optional(type);
    const bool optional = wanted != type;
    if (constant.isNone() && optional) return constant;
    switch (wanted->kind()) {
        case c10::TypeKind::TensorType:
            if (is_number(constant)) return wrapped_number(constant);
            break;
        case c10::TypeKind::FloatType:
            if (is_number(constant)) return constant.toScalar().toDouble();
            break;
        case c10::TypeKind::IntType:
        case c10::TypeKind::SymIntType:
            if (constant.isInt()) return constant;
            if (constant.isBool()) return static_cast<int64_t>(constant.toBool());
            break;
        case c10::TypeKind::BoolType:
            if (constant.isBool()) return constant;
            break;
        case c10::TypeKind::NumberType:
            if (is_number(constant)) return constant;
            break;
        case c10::TypeKind::StringType:
            if (constant.isString()) return constant;
            break;
        case c10::TypeKind::DeviceObjType:
            if (constant.isDevice()) return constant;
            break;
        default:
            break;
    }
    throw InputError("it wants {}", type->annotation_str());
}

/** Checks a value that is known only at run time against the schema's type. */
Argument::Wanted wanted_of(const Operand& operand, const c10::TypePtr& type,
                           const ProgramGraph& graph) {
    const auto kind = without_optional(type)->kind();
    const bool tensor = graph.values[static_cast<std::size_t>(operand.value)].tensor;
    if (kind == c10::TypeKind::TensorType) {
        return tensor ? Argument::Wanted::as_it_is : Argument::Wanted::tensor;
    }
    if (!tensor) {
        if (kind == c10::TypeKind::FloatType) return Argument::Wanted::real;
        if (kind == c10::TypeKind::IntType || kind == c10::TypeKind::SymIntType ||
            kind == c10::TypeKind::NumberType || kind == c10::TypeKind::BoolType) {
            return Argument::Wanted::as_it_is;
        }
    }
    throw InputError("it wants {}", type->annotation_str());
}

c10::TypePtr element_type(Argument::Form form) {
    switch (form) {
        case Argument::Form::tensors:
            return c10::TensorType::get();
        case Argument::Form::optional_tensors:
            return c10::OptionalType::create(c10::TensorType::get());
        case Argument::Form::numbers:
            return c10::FloatType::get();
        case Argument::Form::integers:
        case Argument::Form::single:
            break;
    }
    return c10::IntType::get();
}

Argument::Form form_of(const c10::ListType& list) {
    const auto element = list.getElementType();
    switch (without_optional(element)->kind()) {
        case c10::TypeKind::TensorType:
            return element->kind() == c10::TypeKind::TensorType ? Argument::Form::tensors
                                                                : Argument::Form::optional_tensors;
        case c10::TypeKind::IntType:
        case c10::TypeKind::SymIntType:
            return Argument::Form::integers;
        case c10::TypeKind::FloatType:
            return Argument::Form::numbers;
        default:
            throw InputError("lists of {} are not read", element->annotation_str());
    }
}

Argument list_argument(ReadArgument read, const c10::Argument& schema, const c10::ListType& list,
                       const ProgramGraph& graph) {
    const auto element = list.getElementType();
    // int[2] takes a number for both.
    if (!read.list && schema.N() && read.operands.size() == 1) {
        read.operands.resize(static_cast<std::size_t>(std::max(*schema.N(), 1)), read.operands[0]);
    } else if (!read.list) {
        throw InputError("it wants {}", schema.type()->annotation_str());
    }
    Argument argument{form_of(list), Argument::Wanted::as_it_is, std::move(read.operands)};
    bool constant = true;
    for (Operand& operand : argument.operands) {
        if (operand.value < 0) {
            operand.constant = fitted(operand.constant, element);
        } else {
            constant = false;
            if (wanted_of(operand, element, graph) != Argument::Wanted::as_it_is) {
                throw InputError("it wants {}", schema.type()->annotation_str());
            }
        }
    }
    if (!constant) return argument;
    c10::impl::GenericList values(element_type(argument.form));
    for (Operand& operand : argument.operands) values.push_back(std::move(operand.constant));
    return {Argument::Form::single, Argument::Wanted::as_it_is, {Operand{-1, std::move(values)}}};
}

Argument argument_for(const c10::Argument& schema, ReadArgument read, const ProgramGraph& graph) {
    const c10::TypePtr type = without_optional(schema.type());
    const bool none = !read.list && read.operands.size() == 1 && read.operands[0].value < 0 &&
                      read.operands[0].constant.isNone();
    if (none && type != schema.type()) return {.operands = std::move(read.operands)};
    if (const auto list = type->cast<c10::ListType>()) {
        return list_argument(std::move(read), schema, *list, graph);
    }
    if (read.list || read.operands.size() != 1) {
        throw InputError("it wants {}", schema.type()->annotation_str());
    }
    Argument argument{.operands = std::move(read.operands)};
    Operand& operand = argument.operands[0];
    if (operand.value < 0) {
        operand.constant = fitted(operand.constant, schema.type());
    } else {
        argument.wanted = wanted_of(operand, schema.type(), graph);
    }
    return argument;
}

/** A value as an argument of that form and kind wants it. */
c10::IValue passed(const Operand& operand, Argument::Wanted wanted, const Frame& frame) {
    if (operand.is_working_dtype) return static_cast<int64_t>(frame.dtype);
    if (operand.value < 0) return operand.constant.isDevice() ? frame.device : operand.constant;
    const c10::IValue& value = frame.at(operand.value);
    switch (wanted) {
        case Argument::Wanted::tensor:
            return wrapped_number(value);
        case Argument::Wanted::real:
            return value.toScalar().toDouble();
        case Argument::Wanted::as_it_is:
            break;
    }
    return value;
}

}  // namespace

void read_arguments(const Json& inputs, const ProgramGraph& graph, const ValueNames& names,
                    Node& node) {
    const OperandReader reader(graph, names);
    if (!node.op) {
        for (const Json& input : inputs) {
            Argument argument{.operands = read_argument(input.at("arg"), reader).operands};
            if (argument.operands.size() != 1) throw InputError("lists of sizes are not read");
            node.arguments.push_back(std::move(argument));
        }
        return;
    }
    std::map<std::string, const Json*> given;
    for (const Json& input : inputs) {
        given.emplace(input.at("name").get<std::string>(), &input.at("arg"));
    }
    for (const c10::Argument& schema : node.op->schema().arguments()) {
        const auto found = given.find(schema.name());
        if (found == given.end()) {
            if (!schema.default_value())
                throw InputError("argument '{}' is missing", schema.name());
            node.arguments.push_back({.operands = {Operand{-1, *schema.default_value()}}});
            continue;
        }
        try {
            node.arguments.push_back(
                argument_for(schema, read_argument(*found->second, reader), graph));
        } catch (const InputError& error) {
            throw InputError("argument '{}': {}", schema.name(), error.what());
        }
        given.erase(found);
    }
    if (!given.empty()) throw InputError("it has no argument '{}'", given.begin()->first);
}

void push_arguments(const Node& node, const Frame& frame, torch::jit::Stack& stack) {
    for (const Argument& argument : node.arguments) {
        if (argument.form == Argument::Form::single) {
            stack.push_back(passed(argument.operands.at(0), argument.wanted, frame));
            continue;
        }
        c10::impl::GenericList list(element_type(argument.form));
        list.reserve(argument.operands.size());
        for (const Operand& operand : argument.operands) {
            list.push_back(passed(operand, argument.wanted, frame));
        }
        stack.emplace_back(std::move(list));
    }
}

}  // namespace comq
