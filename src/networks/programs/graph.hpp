#pragma once

#include "torch_bridge/torch.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/errors.hpp"

namespace comq {

/** The number of a value (a tensor, or a size) of a graph. */
using ValueId = int64_t;

/** A constant, or the value that a node before made. */
struct Operand {
    ValueId value = -1;  ///< −1: the constant
    c10::IValue constant;
    /** It is float32, which stands for the dtype that the program runs in. */
    bool is_working_dtype = false;
};

/** One argument of an operator, in the order of its schema. */
struct Argument {
    /** How operands become what the operator takes. */
    enum class Form { single, tensors, optional_tensors, integers, numbers };
    /** What a value becomes that is a size where a tensor or a real number is wanted. */
    enum class Wanted { as_it_is, tensor, real };

    Form form = Form::single;
    Wanted wanted = Wanted::as_it_is;
    std::vector<Operand> operands;
};

/** What a node does with symbolic sizes, which are no tensors: Python's operators. */
using SizeFunction = c10::IValue (*)(const std::vector<c10::IValue>& arguments);

/** What one value of an operator's results is stored as. */
struct Result {
    bool list = false;  ///< of tensors: `values` has one for each
    std::vector<ValueId> values;
};

/** A call of an operator. */
struct Node {
    std::string name;                       ///< of its first result; for messages
    std::string target;                     ///< "aten.conv2d.default"
    std::optional<c10::OperatorHandle> op;  ///< or else
    SizeFunction size_function = nullptr;
    std::vector<Argument> arguments;
    std::vector<Result> results;
    /** Values that the operator writes to. */
    std::vector<ValueId> mutated;
    /** It asks for the number of images in the batch. */
    bool asks_for_batch = false;

    /** The value that is argument `index`; −1 when it is a constant or a list. */
    ValueId input(std::size_t index) const;
    /** Calls `visit` with each value that it takes. */
    template <typename Visit>
    void each_input(Visit&& visit) const {
        for (const Argument& argument : arguments) {
            for (const Operand& operand : argument.operands) {
                if (operand.value >= 0) visit(operand.value);
            }
        }
    }
    template <typename Visit>
    void each_output(Visit&& visit) const {
        for (const Result& result : results) {
            for (const ValueId value : result.values) visit(value);
        }
    }
};

/** What is known of a value before the graph runs. */
struct Value {
    std::string name;
    bool tensor = true;
    /** An expression a dimension: a number, or one of symbols. Empty: unknown, or a scalar. */
    std::vector<std::string> sizes;
    /** The value whose memory it is a view of; itself when it has its own. */
    ValueId memory = -1;
};

/** A parameter, buffer or constant that the graph reads. */
struct BoundTensor {
    enum class Kind { parameter, buffer, constant };
    ValueId value;
    Kind kind;
    std::string name;  ///< in the module, or of the constant
};

/**
 * The graph of a program as operators of LibTorch that are looked up once: nodes in the order in
 * which they run, from one batch of images to logits.
 */
struct ProgramGraph {
    std::string file;
    std::vector<Value> values;
    std::vector<Node> nodes;
    std::vector<BoundTensor> tensors;  ///< in the order of the archive
    ValueId images = -1;
    ValueId logits = -1;
    /** Whether its tensors may have the channels of a pixel side by side (fused_calls.hpp). */
    bool any_layout = false;

    /** Whether the first dimension of the tensor counts the images of the batch. */
    bool counts_images(ValueId value) const;
};

/**
 * Reads the graph of models/model.json. Nodes that only assert are left out, and operators that
 * write to a value are replaced by those that make a new one where nothing can tell the
 * difference. Throws InputError naming `file` and the node for operators that are not known or not
 * allowed, arguments that don't fit, values that are used before they are made, and programs that
 * do not go from one batch of images of any size to one tensor of logits.
 */
ProgramGraph read_graph(const nlohmann::json& program, const std::string& file);

/** Whether the operator may be called: one of ATen's public ones that touches no file. */
bool allowed_operator(const std::string& name);

/** The function of that Python target ("_operator.mul"), or null. */
SizeFunction size_function(const std::string& target);

/** The values of a graph while it runs on one thread. */
struct Frame {
    const std::vector<c10::IValue>& tensors;  ///< parameters, buffers and constants, by ValueId
    std::vector<c10::IValue> values;          ///< the others, by ValueId
    c10::Device device;                       ///< of the images
    c10::ScalarType dtype = c10::kFloat;      ///< of images and parameters

    const c10::IValue& at(ValueId id) const {
        const auto index = static_cast<std::size_t>(id);
        return tensors[index].isNone() ? values[index] : tensors[index];
    }
};

/** Puts the arguments of `node` on `stack`. */
void push_arguments(const Node& node, const Frame& frame, torch::jit::Stack& stack);

/** Calls a node's operator or function on the stack; LibTorch's errors become InputError. */
void call(const ProgramGraph& graph, const Node& node, torch::jit::Stack& stack);

/** What to throw when LibTorch refuses what `node` is given. */
InputError failed(const ProgramGraph& graph, const Node& node, const c10::Error& error);

/** Moves what `node` left on `stack` into `frame`; throws InputError when that isn't what the graph
 *  says. */
void store_results(const ProgramGraph& graph, const Node& node, torch::jit::Stack& stack,
                   Frame& frame);

}  // namespace comq
