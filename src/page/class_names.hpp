#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/data_config.hpp"

namespace comq {

/** "n01440764". */
bool is_wordnet_id(const std::string& word);

/**
 * What classes are called, by class index. A line of `file` is a class: what stands behind a
 * WordNet id, or else the whole line. Throws what opening it throws.
 */
std::vector<std::string> read_class_names(const std::filesystem::path& file);

/**
 * The same from what lies beside the images: `data.synsets` (or ImageNet's WordNet ids) and
 * `batches.meta.txt` of CIFAR. Empty where neither is there.
 */
std::vector<std::string> class_names_of(const DataConfig& data);

}  // namespace comq
