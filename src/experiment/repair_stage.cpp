#include "experiment/repair_stage.hpp"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/refit_stage.hpp"
#include "repair/bias_correction.hpp"
#include "repair/fold_batch_norm.hpp"
#include "repair/norm_tuning.hpp"
#include "repair/reestimate_batch_norm.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

// Images of one pass of a refit: the unit of work of a thread, of which few are held out.
constexpr int64_t refit_batch = 8;

void report(int64_t count, const char* what, const char* key) {
    if (count == 0) {
        spdlog::warn("repair.{} changes nothing: the network has no {}", key, what);
    } else {
        spdlog::info("repair.{}: {} {}", key, count, what);
    }
}

void report(const RefitStage::Choices& choices, const char* what, const char* key) {
    int64_t changed = 0;
    std::vector<std::string> words;
    for (const auto& [choice, count] : choices) {
        words.push_back(fmt::format("{} for {}", choice, count));
        if (choice != "none") changed += count;
    }
    report(changed, what, key);
    if (!words.empty()) spdlog::info("repair.{}: {}", key, fmt::join(words, ", "));
}

/** The name of a scale in the journal; its codes are those of the layer's own part. */
std::string scale_name(const LayerRecord& layer) { return layer.name + "/scale"; }

std::string weight_name(const LayerRecord& layer) { return layer.name + ".weight"; }

}  // namespace

RepairStage::RepairStage(const ExperimentConfig& config, const LoadedModel& model,
                         const RunImages& images, torch::Device device)
    : config_(config.repair),
      experiment_(config),
      model_(model),
      images_(images),
      device_(device) {}

void RepairStage::before_calibration() {
    if (!config_.fold_batch_norm) return;
    report(fold_batch_norm(*model_.network, model_.description->preprocessing.crop),
           "BatchNorms folded", "fold_batch_norm");
}

std::shared_ptr<Network> RepairStage::original() const {
    auto network = load_model(experiment_.model, device_).network;
    if (config_.fold_batch_norm) {
        fold_batch_norm(*network, model_.description->preprocessing.crop);
    }
    return network;
}

bool RepairStage::refits() const { return config_.output_refit || config_.norm_refit; }

bool RepairStage::repairs_after_quantization() const {
    return config_.bias_correction || config_.reestimate_batch_norm || refits() || uses_gradients();
}

void RepairStage::after_quantization(std::vector<LayerRecord>& layers, RunJournal& journal,
                                     BadImages& bad, const std::atomic<bool>& stop) {
    if (!repairs_after_quantization()) return;
    if (const auto repaired = journal.tensors(TensorSet::parameters)) {
        install(*repaired, layers);
        spdlog::info("{} repaired tensors were finished before", repaired->size());
        return;
    }
    std::map<std::string, torch::Tensor> before;
    for (const auto& [name, tensor] : model_.network->state_dict()) before[name] = tensor.clone();
    repair(layers, journal, bad, stop);
    TensorMap repaired;
    for (const auto& [name, tensor] : model_.network->state_dict()) {
        if (torch::equal(before.at(name), tensor)) continue;
        const auto layer = std::ranges::find(layers, name, weight_name);
        if (layer == layers.end()) {
            repaired[name] = to_host(tensor);
        } else {
            repaired[scale_name(*layer)] = layer->scale;
        }
    }
    journal.store_tensors(TensorSet::parameters, repaired);
}

void RepairStage::install(const TensorMap& repaired, std::vector<LayerRecord>& layers) const {
    const torch::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : model_.network->state_dict()) {
        const auto found = repaired.find(name);
        if (found != repaired.end()) torch::Tensor(tensor).copy_(to_torch(found->second));
    }
    for (const auto& entry : model_.network->layers()) {
        const auto layer = std::ranges::find(layers, entry.layer->name(), &LayerRecord::name);
        if (layer == layers.end()) continue;
        const auto scale = repaired.find(scale_name(*layer));
        if (scale == repaired.end()) continue;
        layer->scale = scale->second;
        install_weight(*entry.layer, *layer);
    }
}

void RepairStage::repair(std::vector<LayerRecord>& layers, const RunJournal& journal,
                         BadImages& bad, const std::atomic<bool>& stop) {
    Network& network = *model_.network;
    const auto original = this->original();
    const ImagePass pass{
        {images_.calibration_source.get(), select_repair_images(experiment_, images_),
         model_.description->preprocessing, config_.batch_size},
        device_,
        bad,
        stop};
    if (config_.bias_correction) {
        report(correct_biases(*original, network,
                              pass.in_batches_of(experiment_.calibration.batch_size)),
               "layers corrected", "bias_correction");
    }
    if (config_.reestimate_batch_norm) {
        report(reestimate_batch_norm(network, pass, experiment_.seed), "BatchNorms estimated",
               "reestimate_batch_norm");
    }
    if (refits()) {
        SideBySide walk(*original, network, pass.in_batches_of(refit_batch),
                        images_.calibration.held_out, journal.folder() / "activations",
                        "refitting outputs");
        RefitStage stage(experiment_, network, walk);
        stage.run(layers);
        if (config_.output_refit) report(stage.outputs(), "layers refitted", "output_refit");
        if (config_.norm_refit) report(stage.norms(), "norms refitted", "norm_refit");
        spdlog::info(
            "refits: divergence from the full-precision network on held-out images "
            "{:.4f}, {:.4f} before",
            stage.divergence_after(), stage.divergence_before());
    }
    if (uses_gradients()) {
        const NormTuningRecipe recipe{config_.norm_tuning, config_.learning_rate, config_.epochs,
                                      config_.flips, experiment_.seed};
        report(tune_norms(*original, network, pass, recipe), "norm weights and biases trained",
               "norm_tuning");
    }
}

TensorMap RepairStage::changed_parameters(const std::vector<LayerRecord>& quantized) const {
    TensorMap changed;
    if (!config_.fold_batch_norm && !repairs_after_quantization()) return changed;
    const auto original = load_model(experiment_.model, torch::kCPU).network->state_dict();
    const auto repaired = model_.network->state_dict();
    for (std::size_t i = 0; i < repaired.size(); ++i) {
        const std::string& name = repaired[i].first;
        const torch::Tensor& tensor = repaired[i].second;
        if (torch::equal(original[i].second, tensor.to(torch::kCPU))) continue;
        const bool has_codes = std::ranges::find(quantized, name, weight_name) != quantized.end();
        if (!has_codes) changed[name] = to_host(tensor);
    }
    return changed;
}

std::vector<int64_t> select_repair_images(const ExperimentConfig& config, const RunImages& images) {
    if (!config.repair.images) return images.calibration.fitted;
    return select_other_images(images.calibration_source->size(), images.calibration.held_out,
                               *config.repair.images, Selection::random, config.seed, "repair",
                               "repair.images");
}

}  // namespace comq
