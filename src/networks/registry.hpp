#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "image/preprocessing.hpp"
#include "storage/host_tensor.hpp"

namespace comq {

class Network;

/** What checkpoints decide of a network beside the member of the family that it is. */
struct NetworkSize {
    int64_t classes = 1000;
    int64_t image_size = 224;  ///< sides of the images, for networks that are made for one size
    int64_t window = 0;        ///< of windowed attention, in tokens; 0: the member's
    int64_t multiple_of = 1;   ///< what image_size must be a multiple of
    /** Epsilon of the LayerNorms, where a file beside the weights has another than the family. */
    std::optional<double> norm_eps = {};
};

/** One network with the checkpoint that its numbers belong to. */
struct ModelDescription {
    std::string name;         ///< timm's or torchvision's, `cifar10_resnet20`, `demo_vit`, …
    std::string family = {};  ///< "vit", "swin", "resnet", …: filled in by the registry
    std::string data_set;     ///< "imagenet", "cifar10" or "demo"
    int classes = 1000;
    Preprocessing preprocessing;  ///< as the publisher of the checkpoint evaluated it
    std::string checkpoint;       ///< the publisher's tag of the weights
    std::string source;           ///< URL of the checkpoint, or "embedded"
    std::string license;          ///< under which its publisher distributes it
    /** Published full-precision Top-1 in percent of this checkpoint on the whole evaluation split
     *  of `data_set`; none where there is no source for it. */
    std::optional<double> expected_top1;
    std::function<std::shared_ptr<Network>(const NetworkSize&)> factory;
    /**
     * Maps the weights of the file that the network is from, for one network to take over; empty
     * where they are another's.
     */
    std::function<TensorMap()> own_weights = {};
    /** The networks, this one among them, whose checkpoints have equal names and shapes although
     *  they compute otherwise; empty where there is no other. */
    std::string twins = {};
    bool ambiguous = false;  ///< its name does not say which of the twins a checkpoint is for
    int64_t window = 0;      ///< NetworkSize::window
    std::optional<double> norm_eps = {};    ///< NetworkSize::norm_eps
    std::string preprocessing_origin = {};  ///< who says so
    std::string resampled_positions = {};   ///< "from 14 × 14 to 24 × 24 patches", if they were

    /** A new network in evaluation mode, for as many classes as here and images of the size of the
     *  crop, all its parameters zero until load_parameters. */
    std::shared_ptr<Network> make() const;
};

const std::vector<ModelDescription>& model_registry();

/** Throws UsageError with the nearest name. */
const ModelDescription& find_model(const std::string& name);

/** The member of that name; null when there is none. */
const ModelDescription* registered_model(const std::string& name);

/** The registry as a table for the terminal. */
std::string list_models();

/** The same for programs: an array of objects, null where nothing is published. */
nlohmann::ordered_json models_json();

}  // namespace comq
