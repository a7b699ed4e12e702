#include "networks/programs/program_network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/errors.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

/** LibTorch visits modules inside modules by recursion. */
constexpr std::ptrdiff_t deepest_module = 100;
constexpr std::size_t longest_shown = 80;

std::size_t index_of(ValueId value) { return static_cast<std::size_t>(value); }

int64_t number_or_zero(const std::string& size) {
    const bool number = !size.empty() && size.size() < 10 &&
                        size.find_first_not_of("0123456789") == std::string::npos;
    return number ? std::stoll(size) : 0;
}

const StoredTensor& stored(const ProgramArchive& archive, const BoundTensor& bound) {
    const bool constant = bound.kind == BoundTensor::Kind::constant;
    for (const auto* tensors : {constant ? &archive.constants() : &archive.weights(),
                                constant ? &archive.weights() : &archive.constants()}) {
        const auto found = tensors->find(bound.name);
        if (found != tensors->end()) return found->second;
    }
    throw InputError("{}: tensor '{}' is missing in it", archive.file(), bound.name);
}

/** What the names of all layers of a block begin with, whole words; or else its first layer. */
std::string common_path(const std::vector<std::string>& names) {
    if (names.empty()) return {};
    std::string common = names.front();
    for (const auto& name : names) {
        const auto differs = std::ranges::mismatch(common, name).in1;
        if (differs == common.end() &&
            (name.size() == common.size() || name[common.size()] == '.')) {
            continue;
        }
        common.erase(differs, common.end());
        common.erase(common.rfind('.') == std::string::npos ? 0 : common.rfind('.'));
    }
    return common.empty() ? names.front() : common;
}

void call_watched(const ProgramGraph& graph, const Node& node,
                  const ProgramLayers::NodeCall& called, torch::jit::Stack& stack) {
    try {
        called.call->call(stack, called.form,
                          [&](torch::jit::Stack& on) { call(graph, node, on); });
    } catch (const c10::OutOfMemoryError&) {
        throw;
    } catch (const c10::Error& error) {  // of what a tap makes of tensors of other shapes
        throw failed(graph, node, error);
    }
}

}  // namespace

int64_t Program::classes() const {
    return number_or_zero(graph.values[index_of(graph.logits)].sizes.at(1));
}

int64_t Program::image_size() const {
    const auto& sizes = graph.values[index_of(graph.images)].sizes;
    return sizes.at(2) == sizes.at(3) ? number_or_zero(sizes[2]) : 0;
}

std::shared_ptr<const Program> read_program(ProgramArchive& archive) {
    auto program = std::make_shared<Program>();
    program->graph = read_graph(archive.program(), archive.file());
    std::vector<const StoredTensor*> all;
    std::size_t claimed = 0;
    for (const BoundTensor& bound : program->graph.tensors) {
        const StoredTensor& tensor = stored(archive, bound);
        const bool parameter = bound.kind == BoundTensor::Kind::parameter;
        // Networks are made with zeros in the place of parameters, of any shape that is claimed.
        archive.check(bound.name, tensor);
        if (std::ranges::count(bound.name, '.') > deepest_module) {
            throw InputError("{}: tensor '{}…' lies in more than {} modules", archive.file(),
                             bound.name.substr(0, longest_shown), deepest_module);
        }
        if (parameter && tensor.dtype != DType::f32) {
            throw InputError(
                "{}: parameter '{}' is {}; export the module in float32, after module.float()",
                archive.file(), bound.name, name_of(tensor.dtype));
        }
        const auto same = std::ranges::find_if(
            all, [&](const auto* other) { return other->same_elements(tensor); });
        const auto own = all.size();
        const auto first = parameter && same != all.end()
                               ? static_cast<std::size_t>(std::distance(all.begin(), same))
                               : own;
        all.push_back(&tensor);
        if (first == own) claimed += *checked_nbytes(tensor.dtype, tensor.sizes);
        if (claimed > archive.allowance()) {
            throw InputError("{}: tensors up to '{}' claim {} bytes, far more than it has: damaged",
                             archive.file(), bound.name.substr(0, longest_shown), claimed);
        }
        program->tensors.push_back(
            {tensor.sizes, first, parameter ? HostTensor{} : archive.read(bound.name, tensor)});
    }
    return program;
}

TensorMap program_tensors(const Program& program, ProgramArchive& archive) {
    TensorMap tensors;
    for (const BoundTensor& bound : program.graph.tensors) {
        if (bound.kind == BoundTensor::Kind::constant) continue;
        tensors[bound.name] = archive.read(bound.name, stored(archive, bound));
    }
    return tensors;
}

ProgramNetwork::ProgramNetwork(std::shared_ptr<const Program> program)
    : program_(std::move(program)), tensors_(program_->graph.values.size()) {
    try {
        register_tensors();
        const GraphFacts facts(program_->graph, tensors_);
        layers_ = find_layers(facts);
        sums_ = find_residual_sums(facts, layers_);
        add_blocks();
    } catch (const c10::Error& error) {
        throw InputError("{}: {}", program_->graph.file, error.what_without_backtrace());
    }
}

void ProgramNetwork::register_tensors() {
    const auto& bound = program_->graph.tensors;
    for (std::size_t i = 0; i < bound.size(); ++i) {
        const Program::Tensor& tensor = program_->tensors[i];
        torch::Tensor values;
        if (bound[i].kind != BoundTensor::Kind::parameter) {
            values = to_torch(tensor.values).clone();
        } else if (tensor.same_as != i) {
            values = tensors_[index_of(bound[tensor.same_as].value)].toTensor();
        } else {
            values = torch::zeros(tensor.shape);
        }
        if (bound[i].kind != BoundTensor::Kind::constant) {
            std::string name = bound[i].name;
            torch::nn::Module* owner = this;
            for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.')) {
                const std::string child = name.substr(0, dot);
                const auto known = owner->named_children();
                owner = known.contains(child)
                            ? known[child].get()
                            : owner->register_module(child, std::make_shared<torch::nn::Module>())
                                  .get();
                name.erase(0, dot + 1);
            }
            values = bound[i].kind == BoundTensor::Kind::parameter
                         ? owner->register_parameter(name, values)
                         : owner->register_buffer(name, values);
        }
        tensors_[index_of(bound[i].value)] = values;
    }
}

void ProgramNetwork::add_blocks() {
    const ProgramGraph& graph = program_->graph;
    const std::size_t nodes = graph.nodes.size();
    CutWishes wishes{std::vector<bool>(nodes), std::vector<bool>(nodes), {}};
    for (const auto& entry : layers_.entries) {
        wishes.together.emplace_back(entry.nodes.front(), entry.nodes.back());
        const bool layer = entry.call->observable().layer() != nullptr;
        for (const std::size_t node : entry.nodes) {
            wishes.layer[node] = layer;
            wishes.starts[node] = entry.convolution == nullptr;
        }
    }
    stretches_ = cut_into_stretches(graph, wishes);
    chains_ = find_fused_chains(graph, stretches_);
    set_unusable(std::move(layers_.unquantizable), std::move(layers_.unusable_norms));
    std::map<std::string, int> blocks_of;  // by what their layers have in common
    auto entry = layers_.entries.begin();
    for (std::size_t i = 0; i < stretches_.size(); ++i) {
        const Stretch& stretch = stretches_[i];
        std::vector<std::string> names;
        for (; entry != layers_.entries.end() && entry->nodes.front() < stretch.end; ++entry) {
            Observable& observable = entry->call->observable();
            if (observable.layer() != nullptr) names.push_back(observable.name());
            add_observable(observable, entry->kept ? Scope::kept : Scope::quantized,
                           entry->convolution);
        }
        std::string name = common_path(names);
        if (name.empty()) name = fmt::format("part {}", i + 1);
        if (const int number = ++blocks_of[name]; number > 1) name += fmt::format(" {}", number);
        add_block(std::move(name), [this, &stretch](const torch::Tensor& input) {
            return run_stretch(stretch, input);
        });
    }
    if (layers().empty()) {
        throw InputError("{}: the program has no layer that can be quantized", graph.file);
    }
}

torch::Tensor ProgramNetwork::run_stretch(const Stretch& stretch,
                                          const torch::Tensor& input) const {
    const ProgramGraph& graph = program_->graph;
    Frame frame{tensors_, std::vector<c10::IValue>(graph.values.size()), input.device(),
                input.scalar_type() == torch::kBFloat16 ? torch::kBFloat16 : torch::kFloat};
    // Sizes that count images ask `graph.images`, whatever the stretch starts from.
    frame.values[index_of(graph.images)] = input;
    frame.values[index_of(stretch.input)] = input;
    torch::jit::Stack stack;
    std::optional<SumWatch> sums;
    if (Observable::sums_are_wanted()) sums.emplace(graph, layers_, sums_);
    std::set<std::size_t> done;
    for (const Step& step : stretch.steps) {
        const Node& node = graph.nodes[step.node];
        const auto chain = chains_.find(step.node);
        if (!Observable::is_tapped() && chain != chains_.end() &&
            run_chain(chain->second, stack, frame)) {
            done.insert(chain->second.nodes.begin(), chain->second.nodes.end());
        }
        if (done.contains(step.node)) {
            for (const ValueId value : step.freed) frame.values[index_of(value)] = {};
            continue;
        }
        push_arguments(node, frame, stack);
        if (const auto& called = layers_.of_node[step.node]; called.call != nullptr) {
            call_watched(graph, node, called, stack);
        } else {
            call(graph, node, stack);
        }
        store_results(graph, node, stack, frame);
        if (sums) sums->follow(step.node, frame);
        for (const ValueId value : step.freed) frame.values[index_of(value)] = {};
    }
    return frame.at(stretch.output).toTensor();
}

bool ProgramNetwork::run_chain(const FusedChain& chain, torch::jit::Stack& stack,
                               Frame& frame) const {
    const ProgramGraph& graph = program_->graph;
    if (chain.norm) {
        const auto& called = layers_.of_node[*chain.norm];
        const auto* statistics =
            called.call == nullptr ? nullptr : called.call->observable().statistics();
        if (statistics != nullptr && statistics->of_each_batch) return false;
    }
    const Node& product = graph.nodes[chain.nodes.front()];
    push_arguments(product, frame, stack);
    const bool fused = call_fused_chain(graph, chain, frame, stack);
    if (fused) store_results(graph, graph.nodes[chain.nodes.back()], stack, frame);
    stack.clear();
    return fused;
}

std::vector<torch::Tensor> ProgramNetwork::constants() const {
    std::vector<torch::Tensor> constants;
    for (const BoundTensor& bound : program_->graph.tensors) {
        if (bound.kind == BoundTensor::Kind::constant) {
            constants.push_back(tensors_[index_of(bound.value)].toTensor());
        }
    }
    return constants;
}

void ProgramNetwork::to(torch::Device device, bool non_blocking) {
    Network::to(device, non_blocking);
    for (const BoundTensor& bound : program_->graph.tensors) {
        if (bound.kind != BoundTensor::Kind::constant) continue;
        c10::IValue& value = tensors_[index_of(bound.value)];
        value = value.toTensor().to(device, non_blocking);
    }
    parameters_moved();
}

void ProgramNetwork::parameters_moved() {
    renew_views(GraphFacts(program_->graph, tensors_), layers_);
}

}  // namespace comq
