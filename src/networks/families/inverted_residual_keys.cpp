#include "networks/families/inverted_residual_keys.hpp"

#include <fmt/format.h>

namespace comq {

std::vector<KeyRule> rules_of(const InvertedResidualNames& names,
                              const std::vector<int>& stage_lengths) {
    std::vector<KeyRule> rules;
    int first = names.first_block;
    for (std::size_t stage = 0; stage < stage_lengths.size(); ++stage) {
        const std::string block =
            fmt::format(fmt::runtime(names.block), fmt::format("$1{{+{}}}", first));
        for (const auto& [timm, ours] : stage == 0 ? names.first_stage : names.other_stages) {
            rules.push_back({fmt::format("blocks.{}.*.{}.*", stage, timm),
                             fmt::format("{}.{}.$2", block, ours)});
        }
        first += stage_lengths[stage];
    }
    for (const auto& [timm, ours] : names.outside) {
        rules.push_back({fmt::format("{}.*", timm), fmt::format("{}.$1", ours)});
    }
    return rules;
}

}  // namespace comq
