#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "networks/model_config.hpp"
#include "networks/registry.hpp"

namespace comq {

/** A network of the registry as one checkpoint has it, with the tensors of that checkpoint. */
struct ModelWithWeights {
    std::shared_ptr<const ModelDescription> description = {};
    std::filesystem::path checkpoint;  ///< the file, in a folder of Hugging Face
    std::string sha256 = {};
    TensorMap tensors = {};  ///< under the network's names
};

/**
 * Reads the checkpoint of a config that names a model. The file decides what it can: the number of
 * classes (the rows of the classifier), the size of images that a position embedding is for, and
 * who published it, by its digest or the metadata of Hugging Face beside it, which also tell the
 * epsilon of a ViT's LayerNorms. Preprocessing is, of
 * these the first that is there: what the config gives; the metadata; what is published of the file
 * with this digest; of the checkpoint that model.name means; of the family.
 *
 * Warns where the file is known under another name than the config has. Throws UsageError for a
 * name that isn't known, for a missing file and for images of another size than the position
 * embedding's (unless model.resample_positions), InputError for what can't be read, and where two
 * networks have such tensors and nothing says which one the file is for.
 */
ModelWithWeights open_model(const ModelConfig& config);

/** The same of a config whose checkpoint is not there: as published. */
ModelDescription describe_published(const ModelConfig& config);

/** The checkpoint of a config: its own, or what comes with comq; it need not be there. */
std::filesystem::path checkpoint_path(const ModelConfig& config);

}  // namespace comq
