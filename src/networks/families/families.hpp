#pragma once

#include <optional>
#include <string>
#include <vector>

#include "networks/registry.hpp"
#include "weights/key_map.hpp"

namespace comq {

/** A tensor that only checkpoints of one family have. */
struct FamilyMark {
    std::string tensor;
    std::string what;  ///< "a RegNet": follows "this is the checkpoint of"
};

/** Networks of one class that differ in size, with all that is known of their checkpoints. */
struct ModelFamily {
    std::string name;                       ///< "vit", "resnet", …: ModelDescription::family
    std::vector<ModelDescription> members;  ///< in the order of --list-models
    std::vector<FamilyMark> marks = {};     ///< the first that a checkpoint has names it
    std::vector<KeyMap> key_maps = {};      ///< other publishers' names, applied in this order
    std::string classifier = {};            ///< the layer with a row for each class
    /** Fills in what canonical tensors tell of image_size and window; null: nothing. */
    void (*read_size)(const TensorMap& tensors, NetworkSize& size) = nullptr;
    /** Epsilon of the LayerNorms, where transformers' config.json may have another. */
    std::optional<double> norm_eps = {};
};

// Every family, one line each, in the order of --list-models and of recognition: the variable at
// the end of its file.
#define COMQ_MODEL_FAMILIES(FAMILY)  \
    FAMILY(vit_family)               \
    FAMILY(deit_family)              \
    FAMILY(swin_family)              \
    FAMILY(resnet_family)            \
    FAMILY(vgg_family)               \
    FAMILY(mobilenet_family)         \
    FAMILY(regnet_family)            \
    FAMILY(squeezenet_family)        \
    FAMILY(efficientnet_lite_family) \
    FAMILY(cifar_resnet_family)

#define COMQ_DECLARE_FAMILY(family) extern const ModelFamily family;
COMQ_MODEL_FAMILIES(COMQ_DECLARE_FAMILY)
#undef COMQ_DECLARE_FAMILY

const std::vector<const ModelFamily*>& model_families();

/** The family of that name, or null. */
const ModelFamily* find_family(const std::string& name);

/** What family the checkpoint is of, "a RegNet"; empty when it has no family's mark. */
std::string recognised_family(const TensorMap& tensors);

}  // namespace comq
