#include "experiment/repair_stage.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "experiment/quantize_layer.hpp"
#include "repair/repair.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

void report(const RepairedParts& parts) {
    if (parts.count == 0) {
        spdlog::warn("repair.{} changes nothing: the network has no {}", parts.key, parts.what);
    } else {
        spdlog::info("repair.{}: {} {}", parts.key, parts.count, parts.what);
    }
    if (!parts.details.empty()) spdlog::info("repair.{}: {}", parts.key, parts.details);
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
    for (const auto* repair : repairs_of(config_)) {
        if (repair->prepare == nullptr) continue;
        report(repair->prepare(*model_.network, model_.description->preprocessing.crop));
    }
}

std::shared_ptr<Network> RepairStage::original() const {
    auto network = load_model(experiment_.model, device_).network;
    for (const auto* repair : repairs_of(config_)) {
        if (repair->prepare == nullptr) continue;
        repair->prepare(*network, model_.description->preprocessing.crop);
    }
    return network;
}

bool RepairStage::repairs_after_quantization() const {
    return std::ranges::any_of(repairs_of(config_),
                               [](const Repair* repair) { return repair->apply != nullptr; });
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
    const auto original = this->original();
    RepairContext context{
        .config = config_,
        .original = *original,
        .network = *model_.network,
        .layers = layers,
        .pass = {{images_.calibration_source.get(), select_repair_images(experiment_, images_),
                  model_.description->preprocessing, config_.batch_size},
                 device_,
                 bad,
                 stop},
        .held_out = images_.calibration.held_out,
        .micro_batch = experiment_.calibration.batch_size,
        .one_scale_a_layer = experiment_.quantization.granularity == Granularity::per_layer,
        .seed = experiment_.seed,
        .scratch = journal.folder() / "activations"};
    for (const auto* repair : repairs_of(config_)) {
        if (repair->apply == nullptr) continue;
        for (const auto& parts : repair->apply(context)) report(parts);
    }
}

TensorMap RepairStage::changed_parameters(const std::vector<LayerRecord>& quantized) const {
    TensorMap changed;
    if (repairs_of(config_).empty()) return changed;
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

bool RepairStage::uses_labels() const {
    return std::ranges::any_of(repairs_of(config_),
                               [&](const Repair* repair) { return repair->uses_labels(config_); });
}

bool RepairStage::uses_gradients() const {
    return std::ranges::any_of(repairs_of(config_),
                               [](const Repair* repair) { return repair->uses_gradients; });
}

std::vector<int64_t> select_repair_images(const ExperimentConfig& config, const RunImages& images) {
    if (!config.repair.images) return images.calibration.fitted;
    return select_other_images(images.calibration_source->size(), images.calibration.held_out,
                               *config.repair.images, Selection::random, config.seed, "repair",
                               "repair.images");
}

}  // namespace comq
