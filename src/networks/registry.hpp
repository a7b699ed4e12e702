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
    std::function<std::shared_ptr<Network>()> factory;
    /**
     * Maps the weights of the file that the network is from, for one network to take over; empty
     * where they are another's.
     */
    std::function<TensorMap()> own_weights = {};

    /** A new network in evaluation mode, all its parameters zero until load_parameters. */
    std::shared_ptr<Network> make() const;
};

const std::vector<ModelDescription>& model_registry();

/** Throws UsageError with the nearest name. */
const ModelDescription& find_model(const std::string& name);

/** The registry as a table for the terminal. */
std::string list_models();

/** The same for programs: an array of objects, null where nothing is published. */
nlohmann::ordered_json models_json();

}  // namespace comq
