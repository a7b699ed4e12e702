#include "export/exported_run.hpp"

#include <algorithm>
#include <numeric>

#include "core/errors.hpp"
#include "results/run_file.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

std::optional<RoundingTap> input_rounding_of(const ExportedRun& exported) {
    const RunRecord& run = exported.record;
    if (run.activations.empty()) return std::nullopt;
    std::vector<Network::LayerEntry> layers;
    InputRanges ranges;
    for (const ActivationRecord& rounded : run.activations) {
        const QuantizableLayer& layer = exported.layer(rounded.layer);
        layers.push_back(
            *std::ranges::find(exported.network().layers(), &layer, &Network::LayerEntry::layer));
        if (!exported.config.activations.calibrated()) continue;
        ranges[rounded.layer] = {to_torch(rounded.minimum).clone(),
                                 to_torch(rounded.maximum).clone()};
    }
    return RoundingTap(layers, ranges, exported.config.activations, torch::kCPU);
}

}  // namespace

const QuantizableLayer& ExportedRun::layer(const std::string& name) const {
    for (const auto& entry : network().layers()) {
        if (entry.layer->name() == name) return *entry.layer;
    }
    throw InputError("{}: layer {} is not part of {} as this version builds it", file, name,
                     network().model_name());
}

TensorMap ExportedRun::state() const {
    TensorMap tensors;
    for (const auto& [name, tensor] : network().state_dict()) {
        tensors[name] = to_host(tensor.detach());
    }
    return tensors;
}

ExportedRun open_exported_run(const std::string& file, const NetworkFiles& files) {
    ExportedRun exported{.file = file,
                         .record = read_run_file(file, ReadScope::everything),
                         .config = {},
                         .model = {},
                         .input_rounding = {}};
    exported.config = load_stored_config(exported.record.config, file);
    exported.model = restore_network(exported.record, file, files);
    exported.input_rounding = input_rounding_of(exported);
    return exported;
}

WeightLayout weight_layout(const Network& network, const QuantizableLayer& layer) {
    const torch::Tensor& weight = layer.weight();
    WeightLayout layout{.tensors = {}, .sizes = weight.sizes().vec(), .order = {}, .shape = {}};
    for (const auto& [name, tensor] : network.state_dict()) {
        if (!tensor.is_alias_of(weight) || tensor.numel() != weight.numel() ||
            tensor.storage_offset() != weight.storage_offset()) {
            continue;
        }
        layout.tensors.push_back(name);
        layout.shape = tensor.sizes().vec();
    }
    layout.order.resize(layout.sizes.size());
    std::iota(layout.order.begin(), layout.order.end(), 0);
    std::ranges::stable_sort(layout.order, std::ranges::greater{},
                             [&](int64_t axis) { return weight.stride(axis); });
    if (layout.tensors.empty() || !weight.permute(layout.order).is_contiguous()) {
        throw InputError("{}: no tensor of {} is the whole weight of this layer", layer.name(),
                         network.model_name());
    }
    return layout;
}

}  // namespace comq
