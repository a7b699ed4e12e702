#pragma once

#include <optional>
#include <string>
#include <vector>

#include "networks/model_config.hpp"

namespace comq {

/** A checkpoint as its publisher describes it: datasets/published_checkpoints.json. */
struct PublishedCheckpoint {
    std::string name;                  ///< timm's "resnet50.a1_in1k", "resnet50.IMAGENET1K_V2", …
    std::string model;                 ///< the registry's name of its network
    std::vector<std::string> digests;  ///< first digits, at least 8, of the SHA-256 of its files
    std::string source;                ///< URL
    PreprocessingConfig preprocessing;
    std::optional<double> top1;  ///< percent, on the ImageNet validation set
};

/** Throws InputError naming the file when it is damaged. */
const std::vector<PublishedCheckpoint>& published_checkpoints();

/**
 * The checkpoint that `name` means: the whole name, or the architecture in front of the dot, which
 * is its publisher's first. "timm/" or "torchvision/" in front chooses among publishers. Null when
 * there is none.
 */
const PublishedCheckpoint* find_published(const std::string& name);

/** The checkpoint whose file has that SHA-256; null when none is known. */
const PublishedCheckpoint* published_with_digest(const std::string& sha256);

/** Names of networks and checkpoints that model.name may be, without publishers in front. */
std::vector<std::string> known_model_names();

}  // namespace comq
