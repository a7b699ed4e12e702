#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiment/quantize_layer.hpp"
#include "experiment/stages/stages.hpp"
#include "repair/repair.hpp"
#include "rotation/rotate.hpp"
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

/** The repairs before calibration, on a network with the weights of its checkpoint. */
std::vector<RepairedParts> prepare(Network& network, const RunContext& context) {
    std::vector<RepairedParts> changed;
    for (const Repair* repair : repairs_of(context.config.repair)) {
        if (repair->prepare == nullptr) continue;
        changed.push_back(repair->prepare(network, context.model.description->preprocessing.crop));
    }
    return changed;
}

void prepare_network(RunContext& context) {
    for (const auto& parts : prepare(*context.model.network, context)) report(parts);
}

/** Names in the journal; a layer's codes are those of its own part unless they were trained. */
std::string code_name(const LayerRecord& layer) { return layer.name + "/bit_code"; }
std::string scale_name(const LayerRecord& layer) { return layer.name + "/scale"; }
std::string zero_point_name(const LayerRecord& layer) { return layer.name + "/zero_point"; }

/** The layer whose weight is the tensor of that name. */
auto layer_of(const std::vector<LayerRecord>& layers, const std::string& tensor) {
    return std::ranges::find_if(layers, [&](const LayerRecord& layer) {
        // A parameter that isn't called "weight" gives its layer its whole name.
        return tensor == layer.name + ".weight" || tensor == layer.name;
    });
}

void apply_repairs(RunContext& context) {
    const auto& config = context.config;
    const auto original = context.full_precision_network();
    const ImagePass pass{
        {context.images.calibration_source.get(), select_repair_images(config, context.images),
         context.model.description->preprocessing, config.repair.batch_size},
        context.device,
        context.bad_calibration,
        context.stop};
    RepairContext repair_context{
        .config = config.repair,
        .original = *original,
        .network = *context.model.network,
        .layers = context.record.layers,
        .pass = pass,
        .held_out = context.images.calibration.held_out,
        .micro_batch = config.calibration.batch_size,
        .one_scale_a_layer = config.quantization.granularity == Granularity::per_layer,
        .real_zero_points = config.quantization.zero_point == ZeroPoint::real,
        .seed = config.seed,
        .scratch = context.journal->folder() / "activations",
        .progress = {.load = [&] { return context.journal->tensors(TensorSet::tuning); },
                     .store =
                         [&](const TensorMap& reached) {
                             context.journal->store_tensors(TensorSet::tuning, reached);
                         }}};
    for (const Repair* repair : repairs_of(config.repair)) {
        if (repair->apply == nullptr) continue;
        for (const auto& parts : repair->apply(repair_context)) report(parts);
    }
}

/** Puts what an earlier run repaired into the network, and into the grids of its layers. */
void install(const TensorMap& repaired, RunContext& context) {
    const torch::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : context.model.network->state_dict()) {
        const auto found = repaired.find(name);
        if (found != repaired.end()) torch::Tensor(tensor).copy_(to_torch(found->second));
    }
    auto& layers = context.record.layers;
    for (const auto& entry : context.model.network->layers()) {
        const auto layer = std::ranges::find(layers, entry.layer->name(), &LayerRecord::name);
        if (layer == layers.end()) continue;
        const auto scale = repaired.find(scale_name(*layer));
        if (scale == repaired.end()) continue;
        layer->scale = scale->second;
        const auto zero_point = repaired.find(zero_point_name(*layer));
        if (zero_point != repaired.end()) layer->zero_point = zero_point->second;
        const auto bit_code = repaired.find(code_name(*layer));
        if (bit_code != repaired.end()) layer->bit_code = bit_code->second;
        install_weight(*entry.layer, *layer);
    }
}

/**
 * What the repairs change is stored in the journal, grids as "LAYER/scale", "LAYER/zero_point" and,
 * where codes were trained, "LAYER/bit_code", and taken from there where an earlier run stored it.
 */
void repair_or_install(RunContext& context) {
    const auto repairs = repairs_of(context.config.repair);
    if (std::ranges::none_of(repairs, [](auto* repair) { return repair->apply != nullptr; })) {
        return;
    }
    if (const auto repaired = context.journal->tensors(TensorSet::parameters)) {
        install(*repaired, context);
        spdlog::info("{} repaired tensors were finished before", repaired->size());
        return;
    }
    std::map<std::string, torch::Tensor> before;
    for (const auto& [name, tensor] : context.model.network->state_dict()) {
        before[name] = tensor.clone();
    }
    apply_repairs(context);
    const auto& layers = context.record.layers;
    TensorMap repaired;
    for (const auto& [name, tensor] : context.model.network->state_dict()) {
        if (torch::equal(before.at(name), tensor)) continue;
        const auto layer = layer_of(layers, name);
        if (layer == layers.end()) {
            repaired[name] = to_host(tensor);
        } else {
            repaired[scale_name(*layer)] = layer->scale;
            repaired[zero_point_name(*layer)] = layer->zero_point;
            if (context.config.repair.trains_codes()) repaired[code_name(*layer)] = layer->bit_code;
        }
    }
    context.journal->store_tensors(TensorSet::parameters, repaired);
}

/** Every tensor that differs from the checkpoint, but for the weights of quantized layers. */
TensorMap changed_parameters(const RunContext& context) {
    if (repairs_of(context.config.repair).empty() && !context.rotation) return {};
    const auto original = load_model(context.config.model, torch::kCPU).network->state_dict();
    const auto repaired = context.model.network->state_dict();
    const auto& layers = context.record.layers;
    TensorMap changed;
    for (std::size_t i = 0; i < repaired.size(); ++i) {
        const auto& [name, tensor] = repaired[i];
        if (torch::equal(original[i].second, tensor.to(torch::kCPU))) continue;
        const bool has_codes = layer_of(layers, name) != layers.end();
        if (!has_codes) changed[name] = to_host(tensor);
    }
    return changed;
}

void repair_network(RunContext& context) {
    context.times.timed("repair", [&] { context.root_first([&] { repair_or_install(context); }); });
    context.record.parameters = changed_parameters(context);
}

Cost cost_of_repairs(const Probe& probe) {
    const auto& config = probe.config;
    const RepairSize size{
        .config = config.repair,
        .network = *probe.network,
        .layers = std::ssize(probe.plan.layers),
        .images = static_cast<double>(config.repair.images.value_or(config.calibration.images)),
        .held_out = static_cast<double>(config.calibration.holdout)};
    Cost cost;
    double spooled = 0.0;  // by one after the other
    for (const Repair* repair : repairs_of(config.repair)) {
        cost.seconds.repair += probe.seconds_of(repair->forwards(size));
        spooled = std::max(spooled, repair->spooled(size));
    }
    cost.disk_bytes = static_cast<int64_t>(spooled) * probe.largest_step_input *
                      static_cast<int64_t>(sizeof(float));
    return cost;
}

}  // namespace

std::shared_ptr<Network> RunContext::full_precision_network() const {
    auto network = load_model(config.model, device).network;
    prepare(*network, *this);
    if (rotation) {
        rotate(*network, config.rotation, *rotation, model.description->preprocessing.crop);
    }
    return network;
}

const Stage prepare_network_stage{
    .name = "prepare network",
    .takes_part =
        [](const ExperimentConfig& config) {
            return config.quantizes_weights() &&
                   std::ranges::any_of(repairs_of(config.repair),
                                       [](auto* repair) { return repair->prepare != nullptr; });
        },
    .cost = [](const Probe&) { return Cost{}; },
    .run = prepare_network,
    .share = prepare_network};

const Stage repair_network_stage{
    .name = "repair network",
    .takes_part = [](const ExperimentConfig& config) { return config.quantizes_weights(); },
    .cost = cost_of_repairs,
    .run = repair_network};

}  // namespace comq
