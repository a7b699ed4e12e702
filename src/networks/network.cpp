#include "networks/network.hpp"

#include <algorithm>
#include <map>

#include "core/check.hpp"

namespace comq {

namespace {

/** The convolution of as many channels that was added last, unless a BatchNorm has taken it. */
Observable* convolution_before(const Observable& norm,
                               const std::vector<Network::ObservableEntry>& entries) {
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        Observable* observable = entry->observable;
        if (observable->kind() == ObservableKind::batch_norm) return nullptr;
        if (observable->kind() != ObservableKind::convolution) continue;
        return observable->weight().size(0) == norm.weight().size(0) ? observable : nullptr;
    }
    return nullptr;
}

}  // namespace

torch::Tensor Network::run(torch::Tensor input, std::size_t from, std::size_t to, Tap* tap) const {
    const auto begin = [&](std::size_t block) {
        return block < blocks_.size() ? blocks_[block].begin : steps_.size();
    };
    return run_steps(std::move(input), begin(from), begin(to), tap);
}

torch::Tensor Network::run_steps(torch::Tensor input, std::size_t from, std::size_t to,
                                 Tap* tap) const {
    const bool whole = run_with_tap(tap, [&] {
        for (std::size_t i = from; i < to; ++i) input = steps_[i](std::move(input));
    });
    return whole ? input : torch::Tensor();
}

torch::Tensor Network::weight_of(const std::string& layer) const {
    const auto named = [&](const LayerEntry& entry) { return entry.layer->name() == layer; };
    const auto found = std::ranges::find_if(layers_, named);
    COMQ_CHECK(found != layers_.end());
    return found->layer->weight();
}

std::vector<std::pair<std::string, torch::Tensor>> Network::state_dict() const {
    std::vector<std::pair<std::string, torch::Tensor>> tensors;
    const auto add = [&](const std::string& path, const torch::nn::Module& module) {
        const std::string prefix = path.empty() ? "" : path + ".";
        for (const auto& item : module.named_parameters(/*recurse=*/false)) {
            tensors.emplace_back(prefix + item.key(), item.value());
        }
        for (const auto& item : module.named_buffers(/*recurse=*/false)) {
            tensors.emplace_back(prefix + item.key(), item.value());
        }
    };
    add("", *this);
    for (const auto& item : named_modules("", /*include_self=*/false))
        add(item.key(), *item.value());
    return tensors;
}

void Network::add_block(std::string name, StepForward forward) {
    steps_.push_back(std::move(forward));
    blocks_.push_back({std::move(name), steps_.size() - 1, steps_.size()});
}

void Network::add_block(std::string name, std::vector<std::shared_ptr<torch::nn::Module>> modules,
                        Scope scope, StepForward forward) {
    add_block(std::move(name), scope, {{std::move(modules), std::move(forward)}});
}

void Network::add_block(std::string name, Scope scope, const std::vector<ModuleStep>& steps) {
    const auto begin = steps_.size();
    for (const auto& step : steps) add_step(step, scope);
    blocks_.push_back({std::move(name), begin, steps_.size()});
}

void Network::add_step(const ModuleStep& step, Scope scope) {
    std::map<const torch::nn::Module*, std::string> paths;
    for (const auto& item : named_modules("", /*include_self=*/false)) {
        paths[item.value().get()] = item.key();
    }
    for (const auto& root : step.modules) {
        for (const auto& module : root->modules()) {
            auto* observable = dynamic_cast<Observable*>(module.get());
            if (observable == nullptr) continue;
            observable->set_name(paths.at(module.get()));
            const bool norm = observable->kind() == ObservableKind::batch_norm;
            add_observable(*observable, scope,
                           norm ? convolution_before(*observable, observables_) : nullptr);
        }
    }
    steps_.push_back(step.forward);
}

void Network::add_observable(Observable& observable, Scope scope, Observable* convolution) {
    COMQ_CHECK(!observable.name().empty());
    observables_.push_back({&observable, blocks_.size(), steps_.size(), convolution});
    if (auto* layer = dynamic_cast<QuantizableLayer*>(&observable)) {
        layers_.push_back({layer, blocks_.size(), steps_.size(), scope == Scope::quantized});
    }
}

}  // namespace comq
