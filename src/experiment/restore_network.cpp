#include "experiment/restore_network.hpp"

#include <fmt/format.h>

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
                            const NetworkFiles& files) {
    ModelConfig config = load_stored_config(run.config, file).model;
    const bool two_files = !config.program.empty() && !config.weights.empty();
    if (!files.program.empty()) {
        if (!two_files) {
            throw UsageError(
                "--program: {} has no program beside its weights; name its one file "
                "with --weights",
                file);
        }
        config.program = files.program;
    }
    if (!files.weights.empty()) {
        const bool own = !config.program.empty() && config.weights.empty();
        (own ? config.program : config.weights) = files.weights;
    }
    config.sha256.clear();
    const auto check = [&](const std::filesystem::path& found, const std::string& digest,
                           const std::string& wanted, const char* what, const char* option) {
        if (digest == wanted) return;
        throw InputError("{}: is not the {} of {}, whose SHA-256 is {}; name that one with {}",
                         found.string(), what, file, wanted, option);
    };
    LoadedModel model = load_model(config, torch::kCPU);
    check(model.checkpoint, model.checkpoint_sha256, run.provenance.checkpoint_sha256, "checkpoint",
          "--weights");
    // Runs of before it was recorded have none.
    if (two_files && !run.provenance.program_sha256.empty()) {
        check(config.program, model.program_sha256, run.provenance.program_sha256, "program",
              "--program");
    }
    const auto eps = model.description->norm_eps;
    if (const std::string found = eps ? fmt::format("{}", *eps) : std::string();
        found != run.provenance.layer_norm_eps) {
        throw InputError(
            "{}: the epsilon of the LayerNorms is {}, in {} it was {}; name the checkpoint with "
            "the config.json that it had with --weights",
            model.checkpoint.string(), found.empty() ? "the family's" : found, file,
            run.provenance.layer_norm_eps.empty() ? "the family's" : run.provenance.layer_norm_eps);
    }
    install_layers(*model.network, run, file);
    install_parameters(*model.network, run, file);
    return model;
}

}  // namespace comq
