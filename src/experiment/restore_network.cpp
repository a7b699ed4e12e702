#include "experiment/restore_network.hpp"

#include <algorithm>

#include "core/errors.hpp"
#include "experiment/quantize_layer.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

void install_layers(Network& network, const RunRecord& run, const std::string& file) {
    const auto& layers = network.layers();
    for (const LayerRecord& record : run.layers) {
        const auto found = std::ranges::find_if(
            layers, [&](const auto& entry) { return entry.layer->name() == record.name; });
        if (found == layers.end() || found->layer->in_features() != record.in_features ||
            found->layer->out_features() != record.out_features) {
            throw InputError("{}: layer {} is not part of {} as this version builds it", file,
                             record.name, network.model_name());
        }
        install_weight(*found->layer, record);
    }
}

void install_parameters(Network& network, const RunRecord& run, const std::string& file) {
    const torch::NoGradGuard no_grad;
    const auto tensors = network.state_dict();
    for (const auto& [name, value] : run.parameters) {
        const auto found =
            std::ranges::find(tensors, name, [](const auto& item) { return item.first; });
        if (found == tensors.end() || found->second.sizes().vec() != value.shape) {
            throw InputError("{}: tensor {} is not part of {} as this version builds it", file,
                             name, network.model_name());
        }
        torch::Tensor(found->second).copy_(to_torch(value));
    }
}

}  // namespace

LoadedModel restore_network(const RunRecord& run, const std::string& file,
                            const std::filesystem::path& weights) {
    ModelConfig config = load_config_text(run.config, file).config.model;
    if (!weights.empty()) {
        const bool own = !config.program.empty() && config.weights.empty();
        (own ? config.program : config.weights) = weights;
    }
    config.sha256.clear();
    LoadedModel model = load_model(config, torch::kCPU);
    if (model.checkpoint_sha256 != run.provenance.checkpoint_sha256) {
        throw InputError(
            "{}: is not the checkpoint of {}, whose SHA-256 is {}; name that one with --weights",
            model.checkpoint.string(), file, run.provenance.checkpoint_sha256);
    }
    install_layers(*model.network, run, file);
    install_parameters(*model.network, run, file);
    return model;
}

}  // namespace comq
