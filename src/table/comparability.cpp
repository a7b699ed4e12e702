#include "table/comparability.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace comq {

namespace {

/** Percentage points. Evaluations of one checkpoint differ by the decoder and the summation. */
constexpr double same_checkpoint = 0.1;

std::string describe(LayerScope scope) {
    switch (scope) {
        case LayerScope::default_layers:
            return "comq's default";
        case LayerScope::other:
            return "another choice, or not recorded";
        case LayerScope::unknown:
            return "not known";
    }
    return "";
}

std::string describe(LabelUse use) {
    switch (use) {
        case LabelUse::no:
            return "without labels";
        case LabelUse::yes:
            return "with labels of training images";
        case LabelUse::unknown:
            return "not known whether with labels";
    }
    return "";
}

/** Adds a reason where both are given and differ, or are alike not known; `what` begins it. */
template <typename Choice>
void compare_choices(std::optional<Choice> here, std::optional<Choice> reference, const char* what,
                     std::vector<std::string>& reasons) {
    if (!here || !reference || (*here == *reference && *here != Choice::unknown)) return;
    reasons.push_back(what + describe(*here));
    if (*here != *reference) reasons.back() += "; elsewhere " + describe(*reference);
}

bool uniform_bits(const RunRecord& run) {
    return std::ranges::all_of(run.layers, [&](const LayerRecord& layer) {
        return layer.bits == run.layers.front().bits;
    });
}

}  // namespace

MeasuredSetting setting_of(const ResultFile& file, const std::string& set) {
    MeasuredSetting setting;
    const auto of_set = std::ranges::find(file.run.sets, set, &SetRecord::name);
    const Evaluations& on =
        of_set == file.run.sets.end() ? static_cast<const Evaluations&>(file.run) : *of_set;
    if (const auto& evaluation = on.full_precision) {
        setting.evaluation_images = evaluation->images;
        setting.full_precision = evaluation->top1;
    }
    const std::string rules = file.value("quantization.layers");
    const bool no_rules = rules.empty() || rules == "[]";
    setting.layers =
        no_rules && uniform_bits(file.run) ? LayerScope::default_layers : LayerScope::other;
    setting.uses_labels = file.run.uses_labels ? LabelUse::yes : LabelUse::no;
    return setting;
}

std::vector<std::string> reasons_against(const MeasuredSetting& here,
                                         const MeasuredSetting& reference) {
    std::vector<std::string> reasons;
    if (here.evaluation_images && reference.evaluation_images &&
        *here.evaluation_images != *reference.evaluation_images) {
        reasons.push_back(fmt::format("evaluated on {} images, not {}", *here.evaluation_images,
                                      *reference.evaluation_images));
    } else if (here.full_precision && reference.full_precision &&
               std::abs(*here.full_precision - *reference.full_precision) > same_checkpoint) {
        // Other images would explain it, too.
        reasons.push_back(fmt::format("another checkpoint: {:.2f} in full precision, not {:.2f}",
                                      *here.full_precision, *reference.full_precision));
    }
    compare_choices(here.layers, reference.layers, "quantized layers: ", reasons);
    compare_choices(here.uses_labels, reference.uses_labels, "", reasons);
    for (const std::string& reason : here.differs) {
        if (std::ranges::find(reference.differs, reason) == reference.differs.end()) {
            reasons.push_back(reason);
        }
    }
    return reasons;
}

}  // namespace comq
