#pragma once

#include <string>
#include <utility>
#include <vector>

#include "weights/key_map.hpp"

namespace comq {

/** What a publisher calls the parts of an inverted-residual network that timm calls otherwise. */
struct InvertedResidualNames {
    using Renames = std::vector<std::pair<std::string, std::string>>;

    Renames outside;      ///< parts outside the blocks
    std::string block;    ///< path of block number {}
    Renames first_stage;  ///< parts of a block without expansion
    Renames other_stages;
    int first_block = 0;  ///< its number
};

/** timm counts blocks within stages, others through the network: hence the stages' lengths. */
std::vector<KeyRule> rules_of(const InvertedResidualNames& names,
                              const std::vector<int>& stage_lengths);

}  // namespace comq
