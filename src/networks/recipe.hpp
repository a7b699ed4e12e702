#pragma once

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "networks/model_config.hpp"

namespace comq {

/** Preprocessing with who says so. */
struct Recipe {
    Preprocessing preprocessing;
    std::optional<double> crop_pct;  ///< of its publisher, where it is said in this form
    std::string origin;              ///< "the family resnet", "timm's resnet50.a1_in1k", …
};

/**
 * The recipe with what `given` changes. input_size keeps the proportion of crop to resize; crop
 * alone leaves resize as it is. `origin` is that of the recipe unless `given` decides everything.
 */
Recipe changed(const Recipe& recipe, const PreprocessingConfig& given);

/** Whether anything is given. */
bool is_given(const PreprocessingConfig& config);

/** Throws InputError naming `source` for an interpolation that isn't known. */
Interpolation interpolation_named(const std::string& name, const std::string& source);

/** A list of three numbers; others are a json::exception or std::range_error. */
std::array<float, 3> colours_of(const nlohmann::json& list);

/** What the folder of a checkpoint says of it. */
struct CheckpointMetadata {
    std::filesystem::path file;  ///< that it is from
    std::string name;            ///< of timm: "resnet50.a1_in1k"; else empty
    PreprocessingConfig preprocessing;
    std::optional<double> norm_eps = {};  ///< of transformers: epsilon of a ViT's LayerNorms
};

/**
 * Reads the metadata that Hugging Face has beside the weights at `path`, a folder or a file of such
 * a name (model.safetensors, pytorch_model.bin or their indices):
 * config.json of timm (`pretrained_cfg`), or config.json and preprocessor_config.json of
 * transformers. None where there is neither. Throws InputError naming the file, and the value that
 * is not known here.
 */
std::optional<CheckpointMetadata> read_checkpoint_metadata(const std::filesystem::path& path);

}  // namespace comq
