#include "networks/programs/graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "core/errors.hpp"
#include "networks/programs/arguments.hpp"
#include "networks/programs/fused_calls.hpp"
#include "networks/programs/in_place.hpp"
#include "networks/programs/json_fields.hpp"

namespace comq {

namespace {

using Json = nlohmann::json;

struct Target {
    std::string operation;  ///< "conv2d"
    std::string overload;   ///< "padding"; empty for the default
};

/** "torch.ops.aten.add.Tensor" as operator and overload; nothing for another library's. */
std::optional<Target> aten_target(const std::string& target) {
    constexpr std::string_view library = "torch.ops.aten.";
    if (!target.starts_with(library)) return std::nullopt;
    const std::string rest = target.substr(library.size());
    const auto dot = rest.find('.');
    if (dot == std::string::npos) return std::nullopt;
    const std::string overload = rest.substr(dot + 1);
    return Target{rest.substr(0, dot), overload == "default" ? "" : overload};
}

std::string short_target(const std::string& target) {
    constexpr std::string_view library = "torch.ops.";
    return target.starts_with(library) ? target.substr(library.size()) : target;
}

/** Arguments that are false or 0 in evaluation mode, where they are what is random. */
bool names_mode(const std::string& argument) {
    return argument == "train" || argument == "training" || argument == "dropout_p";
}

/** Throws InputError for what answers the same images otherwise at another time. */
void check_repeatable(const Node& node) {
    if (!node.op) return;
    const auto& names = node.op->schema().arguments();
    bool has_mode = false;
    for (std::size_t i = 0; i < node.arguments.size(); ++i) {
        const Argument& argument = node.arguments[i];
        if (!names_mode(names.at(i).name()) || argument.operands.empty()) continue;
        has_mode = true;
        const c10::IValue& mode = argument.operands[0].constant;
        const bool training =
            (mode.isBool() && mode.toBool()) || (mode.isDouble() && mode.toDouble() != 0.0);
        // A norm without running statistics is the same in both modes.
        const bool norm = node.target == "aten.batch_norm.default" && node.input(3) < 0;
        if (training && !norm) {
            throw InputError(
                "it is in training mode; export the module in evaluation mode, after "
                "module.eval()");
        }
    }
    if (!has_mode && node.op->hasTag(at::Tag::nondeterministic_seeded)) {
        throw InputError("it draws random numbers; export a module that draws none");
    }
}

class GraphReader {
  public:
    GraphReader(const Json& program, const std::string& file)
        : module_(program.at("graph_module")), json_(module_.at("graph")) {
        graph_.file = file;
    }

    ProgramGraph read() {
        read_inputs();
        for (const Json& node : json_.at("nodes")) read_node(node);
        read_outputs();
        check_batch();
        return std::move(graph_);
    }

  private:
    ValueId add_value(const std::string& name, bool tensor) {
        Value value{.name = name, .tensor = tensor, .sizes = {}};
        const auto& known = json_.at("tensor_values");
        if (const auto found = known.find(name); tensor && found != known.end()) {
            for (const Json& size : found->at("sizes")) value.sizes.push_back(size_text(size));
        }
        const auto id = static_cast<ValueId>(graph_.values.size());
        value.memory = id;
        if (!names_.emplace(name, id).second) {
            throw InputError("{}: two values of the program are named '{}'", graph_.file, name);
        }
        graph_.values.push_back(std::move(value));
        return id;
    }

    static std::string size_text(const Json& size) {
        if (const auto number = size.find("as_int"); number != size.end()) {
            return fmt::format("{}", integer_of(*number));
        }
        return size.at("as_expr").at("expr_str").get<std::string>();
    }

    void read_inputs() {
        for (const Json& spec : module_.at("signature").at("input_specs")) {
            const auto [kind, content] = union_of(spec);
            if (kind == "user_input") {
                read_image_input(content.at("arg"));
                continue;
            }
            const std::string name = content.at("arg").at("name").get<std::string>();
            if (kind == "parameter") {
                bind(name, BoundTensor::Kind::parameter, content.at("parameter_name"));
            } else if (kind == "buffer") {
                const bool persistent = content.value("persistent", true);
                bind(name, persistent ? BoundTensor::Kind::buffer : BoundTensor::Kind::constant,
                     content.at("buffer_name"));
            } else if (kind == "tensor_constant") {
                bind(name, BoundTensor::Kind::constant, content.at("tensor_constant_name"));
            } else {
                throw InputError("{}: inputs of kind {} ('{}') are not read", graph_.file, kind,
                                 name);
            }
        }
        if (graph_.images < 0) throw InputError("{}: the program takes no images", graph_.file);
    }

    void bind(const std::string& value, BoundTensor::Kind kind, const Json& name) {
        graph_.tensors.push_back({add_value(value, true), kind, name.get<std::string>()});
    }

    void read_image_input(const Json& argument) {
        const bool tensor = argument.contains("as_tensor");
        if (graph_.images >= 0 || !tensor) {
            throw InputError(
                "{}: the program takes more than a batch of images; export a module whose "
                "forward takes one tensor",
                graph_.file);
        }
        graph_.images = add_value(argument.at("as_tensor").at("name").get<std::string>(), true);
    }

    void read_node(const Json& json) {
        Node node;
        const std::string target = json.at("target").get<std::string>();
        node.target = short_target(target);
        const Json& outputs = json.at("outputs");
        // What makes nothing only asserts, about sizes that the run itself will check.
        if (outputs.empty()) return;
        node.name = json.value("name", node.target);
        try {
            resolve(target, node);
            read_arguments(json.at("inputs"), graph_, names_, node);
            read_results(outputs, node);
            check_repeatable(node);
        } catch (const InputError& error) {
            throw InputError("{}: node '{}' ({}): {}", graph_.file, node.name, node.target,
                             error.what());
        }
        graph_.nodes.push_back(std::move(node));
    }

    static void resolve(const std::string& target, Node& node) {
        node.size_function = size_function(target);
        if (node.size_function != nullptr) return;
        const auto aten = aten_target(target);
        if (!aten) throw InputError("operators outside PyTorch's own (ATen) are not run");
        if (!allowed_operator(aten->operation)) throw InputError("that operator is not run");
        const auto found =
            c10::Dispatcher::singleton().findSchema({"aten::" + aten->operation, aten->overload});
        if (found) node.op = *found;
        if (!node.op) throw InputError("this LibTorch has no such operator");
    }

    void read_results(const Json& outputs, Node& node) {
        for (const Json& output : outputs) {
            const auto [kind, content] = union_of(output);
            Result result;
            if (kind == "as_tensor") {
                result.values.push_back(add_value(content.at("name"), true));
            } else if (kind == "as_tensors") {
                result.list = true;
                for (const Json& item : content) {
                    result.values.push_back(add_value(item.at("name"), true));
                }
            } else if (kind == "as_sym_int" || kind == "as_sym_bool" || kind == "as_sym_float") {
                result.values.push_back(add_value(content.at("as_name"), false));
            } else if (kind != "as_none") {
                throw InputError("results of kind {} are not read", kind);
            }
            node.results.push_back(std::move(result));
        }
        const std::size_t returned = node.op ? node.op->schema().returns().size() : 1;
        if (node.results.size() > returned) {
            throw InputError("it has {} results, not {}", returned, node.results.size());
        }
    }

    void read_outputs() {
        const Json& outputs = module_.at("signature").at("output_specs");
        for (const Json& spec : outputs) {
            const auto [kind, content] = union_of(spec);
            if (kind.ends_with("mutation")) {
                throw InputError(
                    "{}: the program changes its own buffers while it runs; export the module in "
                    "evaluation mode, after module.eval()",
                    graph_.file);
            }
            const Json& argument = content.at("arg");
            if (kind != "user_output" || graph_.logits >= 0 || !argument.contains("as_tensor")) {
                throw InputError(
                    "{}: the program returns more than one tensor; export a module that returns "
                    "logits alone",
                    graph_.file);
            }
            const std::string name = argument.at("as_tensor").at("name").get<std::string>();
            const auto found = names_.find(name);
            if (found == names_.end()) {
                throw InputError("{}: its output '{}' is never made", graph_.file, name);
            }
            graph_.logits = found->second;
        }
        if (graph_.logits < 0) throw InputError("{}: the program returns nothing", graph_.file);
    }

    void check_batch() const {
        const auto& images = graph_.values[static_cast<std::size_t>(graph_.images)].sizes;
        const auto& logits = graph_.values[static_cast<std::size_t>(graph_.logits)].sizes;
        if (images.size() != 4 || images[1] != "3") {
            throw InputError("{}: the program takes {}, not images [batch, 3, height, width]",
                             graph_.file, fmt::format("[{}]", fmt::join(images, ", ")));
        }
        if (images[0].find_first_not_of("0123456789") == std::string::npos) {
            throw InputError(
                "{}: the program is for batches of {} images only; export it with "
                "dynamic_shapes=({{0: torch.export.Dim('batch')}},), as scripts/export_network.py "
                "does",
                graph_.file, images[0]);
        }
        if (logits.size() != 2 || logits[0] != images[0]) {
            throw InputError("{}: the program returns {}, not logits [batch, classes]", graph_.file,
                             fmt::format("[{}]", fmt::join(logits, ", ")));
        }
    }

    const Json& module_;
    const Json& json_;
    ProgramGraph graph_;
    ValueNames names_;
};

/** Leaves out what nothing asks for, but keeps what writes to a value. */
void remove_unused(ProgramGraph& graph) {
    std::set<ValueId> used{graph.logits};
    std::vector<Node> kept;
    for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
        bool needed = !node->mutated.empty();
        node->each_output([&](ValueId value) { needed = needed || used.contains(value); });
        if (!needed) continue;
        node->each_input([&](ValueId value) { used.insert(value); });
        kept.push_back(std::move(*node));
    }
    std::ranges::reverse(kept);
    graph.nodes = std::move(kept);
}

/** The number of images is that of whatever a stretch of the graph starts from. */
void find_batch_questions(ProgramGraph& graph) {
    for (Node& node : graph.nodes) {
        if (node.target != "aten.sym_size.int" || !graph.counts_images(node.input(0))) continue;
        const c10::IValue& dimension = node.arguments[1].operands[0].constant;
        if (!dimension.isInt() || dimension.toInt() != 0) continue;
        node.asks_for_batch = true;
        node.arguments[0].operands[0].value = graph.images;
    }
}

}  // namespace

ValueId Node::input(std::size_t index) const {
    if (index >= arguments.size() || arguments[index].form != Argument::Form::single) return -1;
    return arguments[index].operands[0].value;
}

bool ProgramGraph::counts_images(ValueId value) const {
    if (value < 0) return false;
    const auto& sizes = values[static_cast<std::size_t>(value)].sizes;
    return !sizes.empty() && sizes[0] == values[static_cast<std::size_t>(images)].sizes[0];
}

ProgramGraph read_graph(const Json& program, const std::string& file) {
    ProgramGraph graph;
    reading_json(file + " (models/model.json)", [&] { graph = GraphReader(program, file).read(); });
    replace_in_place(graph);
    remove_unused(graph);
    find_batch_questions(graph);
    graph.any_layout = allow_any_layout(graph);
    return graph;
}

InputError failed(const ProgramGraph& graph, const Node& node, const c10::Error& error) {
    return InputError("{}: node '{}' ({}): {}", graph.file, node.name, node.target,
                      error.what_without_backtrace());
}

void call(const ProgramGraph& graph, const Node& node, torch::jit::Stack& stack) {
    try {
        if (node.op) {
            if (!call_fused(node, stack, graph.any_layout)) node.op->callBoxed(stack);
        } else {
            c10::IValue result = node.size_function(stack);
            stack.clear();
            stack.push_back(std::move(result));
        }
    } catch (const c10::OutOfMemoryError&) {
        throw;
    } catch (const c10::Error& error) {
        throw failed(graph, node, error);
    } catch (const InputError& error) {
        throw InputError("{}: node '{}' ({}): {}", graph.file, node.name, node.target,
                         error.what());
    }
}

void store_results(const ProgramGraph& graph, const Node& node, torch::jit::Stack& stack,
                   Frame& frame) {
    const auto refuse = [&] {
        throw InputError("{}: node '{}' ({}): its results are not as the program says", graph.file,
                         node.name, node.target);
    };
    const auto store = [&](ValueId id, c10::IValue value) {
        if (value.isTensor() != graph.values[static_cast<std::size_t>(id)].tensor) refuse();
        frame.values[static_cast<std::size_t>(id)] = std::move(value);
    };
    for (std::size_t i = 0; i < node.results.size(); ++i) {
        const Result& result = node.results[i];
        if (!result.list) {
            if (!result.values.empty()) store(result.values[0], std::move(stack.at(i)));
            continue;
        }
        if (!stack.at(i).isTensorList()) refuse();
        const auto tensors = stack[i].toTensorVector();
        if (tensors.size() != result.values.size()) refuse();
        for (std::size_t j = 0; j < tensors.size(); ++j) store(result.values[j], tensors[j]);
    }
    stack.clear();
}

}  // namespace comq
