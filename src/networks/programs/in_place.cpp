#include "networks/programs/in_place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/check.hpp"
#include "core/errors.hpp"

namespace comq {

namespace {

/** The operator that makes a new tensor where `op` writes to its first argument, if there is one
 *  with the same arguments. */
std::optional<c10::OperatorHandle> out_of_place(const c10::OperatorHandle& op) {
    std::string name = op.schema().name();
    if (!name.ends_with('_') || name.ends_with("__")) return std::nullopt;
    name.pop_back();
    const auto found = c10::Dispatcher::singleton().findSchema({name, op.schema().overload_name()});
    if (!found) return std::nullopt;
    const auto& ours = op.schema().arguments();
    const auto& theirs = found->schema().arguments();
    const bool same = std::ranges::equal(ours, theirs, [](const auto& a, const auto& b) {
        return a.name() == b.name() && *a.type() == *b.type();
    });
    if (!same) return std::nullopt;
    return *found;
}

bool writes(const c10::Argument& argument) {
    return argument.alias_info() != nullptr && argument.alias_info()->isWrite();
}

/** Operators that hand on their argument although their schema doesn't say so. */
bool hands_on(const Node& node) {
    static constexpr std::array<std::string_view, 6> targets{
        "aten.dropout.default",       "aten.feature_dropout.default",
        "aten.alpha_dropout.default", "aten.feature_alpha_dropout.default",
        "aten.type_as.default",       "aten.lift_fresh.default"};
    return std::ranges::find(targets, node.target) != targets.end();
}

class InPlace {
  public:
    explicit InPlace(ProgramGraph& graph) : graph_(graph), renamed_(graph.values.size()) {
        for (std::size_t i = 0; i < renamed_.size(); ++i) renamed_[i] = static_cast<ValueId>(i);
        shown_.assign(graph.values.size(), 1);
    }

    void run() {
        for (Node& node : graph_.nodes) {
            rename_inputs(node);
            if (node.op) find_writes(node);
        }
        graph_.logits = renamed_[index(graph_.logits)];
    }

  private:
    static std::size_t index(ValueId value) { return static_cast<std::size_t>(value); }
    Value& value(ValueId id) { return graph_.values[index(id)]; }

    void rename_inputs(Node& node) {
        for (Argument& argument : node.arguments) {
            for (Operand& operand : argument.operands) {
                if (operand.value >= 0) operand.value = renamed_[index(operand.value)];
            }
        }
    }

    void find_writes(Node& node) {
        const auto& arguments = node.op->schema().arguments();
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            if (!writes(arguments[i])) continue;
            const ValueId written = node.input(i);
            if (written < 0) refuse(node, "it writes to a constant");
            const ValueId memory = value(written).memory;
            // The next run would begin with another network.
            for (const BoundTensor& bound : graph_.tensors) {
                if (memory == bound.value) refuse(node, "it writes to " + bound.name);
            }
            if (i == 0 && replaced(node, written)) return;
            if (memory == graph_.images) refuse(node, "it writes to the images");
            node.mutated.push_back(memory);
        }
        share_memory(node);
    }

    /** Replaces the operator where `written` is the one value that shows its memory. */
    bool replaced(Node& node, ValueId written) {
        if (value(written).memory != written || shown_[index(written)] != 1) return false;
        if (node.results.size() != 1 || node.results[0].values.size() != 1) return false;
        const auto other = out_of_place(*node.op);
        if (!other) return false;
        node.op = other;
        // "aten.relu_.default" is now read as what it does.
        const auto underscore = node.target.rfind("_.");
        COMQ_CHECK(underscore != std::string::npos);
        node.target.erase(underscore, 1);
        share_memory(node);
        renamed_[index(written)] = node.results[0].values[0];
        return true;
    }

    /** Results that are views show the memory of what they are views of. */
    void share_memory(const Node& node) {
        const auto& schema = node.op->schema();
        for (std::size_t i = 0; i < node.results.size(); ++i) {
            if (schema.returns().at(i).alias_info() == nullptr && !hands_on(node)) continue;
            const auto& arguments = schema.arguments();
            for (std::size_t j = 0; j < arguments.size(); ++j) {
                if (arguments[j].alias_info() == nullptr && !(hands_on(node) && j == 0)) continue;
                const ValueId viewed = node.input(j);
                if (viewed < 0) continue;
                const ValueId memory = value(viewed).memory;
                for (const ValueId result : node.results[i].values) {
                    value(result).memory = memory;
                    ++shown_[index(memory)];
                }
                break;
            }
        }
    }

    [[noreturn]] void refuse(const Node& node, const std::string& what) const {
        throw InputError("{}: node '{}' ({}): {}; export a module that leaves them as they are",
                         graph_.file, node.name, node.target, what);
    }

    ProgramGraph& graph_;
    std::vector<ValueId> renamed_;  ///< what stands for a value from here on
    std::vector<int> shown_;        ///< values that show a value's memory, itself included
};

}  // namespace

void replace_in_place(ProgramGraph& graph) { InPlace(graph).run(); }

}  // namespace comq
