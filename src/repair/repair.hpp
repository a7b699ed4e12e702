#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "networks/network.hpp"
#include "passes/image_pass.hpp"
#include "repair/repair_config.hpp"
#include "results/run_record.hpp"

namespace comq {

/** Where a repair keeps what it has reached, so that a killed run goes on from there. */
struct RepairProgress {
    std::function<std::optional<TensorMap>()> load = [] { return std::nullopt; };
    std::function<void(const TensorMap&)> store = [](const TensorMap& /*lost*/) {};
};

/** What a repair after quantization looks at, and what it changes. */
struct RepairContext {
    const RepairConfig& config;
    const Network& original;           ///< float weights, folded or not
    Network& network;                  ///< has the weights of `layers`; is changed
    std::vector<LayerRecord>& layers;  ///< whose scales may be changed with the network
    ImagePass pass;                    ///< of `repair.images`, in batches of `repair.batch_size`
    std::vector<int64_t> held_out;     ///< images that judge
    int64_t micro_batch;               ///< images of a unit of work: `calibration.batch_size`
    bool one_scale_a_layer;
    bool real_zero_points;  ///< or else those of the layers stay
    uint64_t seed;
    std::filesystem::path scratch;  ///< a folder that does not outlive the repair
    RepairProgress progress = {};   ///< of norm_tuning
};

/** What a repair has changed, for the log. */
struct RepairedParts {
    std::string_view key;  ///< of the section `repair`
    int64_t count;
    std::string_view what;     ///< that is counted: "layers corrected"
    std::string details = {};  ///< a further line
};

/** What the cost of repairs depends on. */
struct RepairSize {
    const RepairConfig& config;
    const Network& network;
    int64_t layers;   ///< that are quantized
    double images;    ///< that repairs look at
    double held_out;  ///< images
};

/** Something that is mended beside the weights: a `Repair` at the end of its file, and a line
 * below. */
struct Repair {
    bool (*enabled)(const RepairConfig& config);
    /** Before calibration, on a network with its float weights; null: nothing. */
    RepairedParts (*prepare)(Network& network, int64_t image_size) = nullptr;
    /** Once the quantized weights are installed; null: nothing. */
    std::vector<RepairedParts> (*apply)(RepairContext& context) = nullptr;
    /** What it costs, in forward passes of single images. */
    double (*forwards)(const RepairSize& size) = [](const RepairSize&) { return 0.0; };
    /** How many images' activations between two blocks it spools, each network's counted. */
    double (*spooled)(const RepairSize& size) = [](const RepairSize&) { return 0.0; };
    bool (*uses_labels)(const RepairConfig& config) = [](const RepairConfig&) { return false; };
    bool uses_gradients = false;
};

// Every repair, one line each, in the order in which they follow each other.
#define COMQ_REPAIRS(REPAIR)             \
    REPAIR(fold_batch_norm_repair)       \
    REPAIR(bias_correction_repair)       \
    REPAIR(reestimate_batch_norm_repair) \
    REPAIR(refit_repair)                 \
    REPAIR(block_reconstruction_repair)  \
    REPAIR(norm_tuning_repair)

#define COMQ_DECLARE_REPAIR(repair) extern const Repair repair;
COMQ_REPAIRS(COMQ_DECLARE_REPAIR)
#undef COMQ_DECLARE_REPAIR

/** Those that `config` asks for, in order. */
std::vector<const Repair*> repairs_of(const RepairConfig& config);

/** A convolution and the BatchNorm that its output goes through, and nothing else. */
struct ConvNormPair {
    Observable* convolution;
    Observable* norm;
};

/** Every pair of a network, in the order of its observables. */
std::vector<ConvNormPair> conv_norm_pairs(const Network& network);

/** The running mean of the BatchNorm behind each convolution that has one. */
std::map<const Observable*, torch::Tensor> means_behind(const Network& network);

}  // namespace comq
