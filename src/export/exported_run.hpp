#pragma once

#include "torch_bridge/torch.hpp"

#include <optional>
#include <string>
#include <vector>

#include "activations/rounding_tap.hpp"
#include "experiment/restore_network.hpp"

namespace comq {

/** A finished run with its network as it evaluated it last. */
struct ExportedRun {
    std::string file;
    RunRecord record;
    ExperimentConfig config;
    LoadedModel model;
    /** Rounds the inputs of layers, where the run did. */
    std::optional<RoundingTap> input_rounding;

    Network& network() const { return *model.network; }
    Tap* tap() { return input_rounding ? &*input_rounding : nullptr; }
    /** The layer of that name. Throws InputError when the network has none. */
    const QuantizableLayer& layer(const std::string& name) const;
    /** Parameters and buffers by the network's own names, weights as floats. */
    TensorMap state() const;
};

/** Throws what read_run_file and restore_network do. */
ExportedRun open_exported_run(const std::string& file, const NetworkFiles& files);

/** How the weight of a layer lies in the tensors of its network. */
struct WeightLayout {
    std::vector<std::string> tensors;  ///< whose memory it is: one, more where names share it
    std::vector<int64_t> sizes;        ///< of the weight: [out, …]
    /** Its axes as they follow each other in memory, the outermost first. */
    std::vector<int64_t> order;
    std::vector<int64_t> shape;  ///< of the tensors, as many elements
};

/** Throws InputError when no tensor of the state_dict is the whole weight. */
WeightLayout weight_layout(const Network& network, const QuantizableLayer& layer);

}  // namespace comq
