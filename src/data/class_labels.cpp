#include "data/class_labels.hpp"

#include <algorithm>
#include <set>

#include "core/errors.hpp"
#include "data/synsets.hpp"
#include "data/text_lines.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

Synsets synsets_of(const std::vector<LabelWord>& labels, const fs::path& synsets) {
    if (!synsets.empty()) return Synsets::read(synsets);
    std::set<std::string> names;
    for (const LabelWord& label : labels) names.insert(label.word);
    return Synsets({names.begin(), names.end()});
}

ClassLabels labels_by_name(const std::vector<LabelWord>& words, const fs::path& file,
                           const fs::path& synsets_file) {
    const Synsets synsets = synsets_of(words, synsets_file);
    ClassLabels labels{{}, synsets.size()};
    for (const auto& [line, word] : words) {
        labels.values.push_back(synsets.label_of(word));
        if (labels.values.back() < 0) {
            throw UsageError("{}:{}: '{}' is not a class of data.synsets ({})", file.string(), line,
                             word, synsets_file.string());
        }
    }
    return labels;
}

ClassLabels labels_by_number(const std::vector<LabelWord>& words, const fs::path& file,
                             const fs::path& synsets) {
    ClassLabels labels;
    for (const auto& [line, word] : words) {
        const auto value = to_number(word);
        if (!value || *value < 0) {
            throw InputError("{}:{}: '{}' is no class index", file.string(), line, word);
        }
        labels.values.push_back(*value);
    }
    labels.classes = number_of_classes(std::ranges::max(labels.values) + 1, file, synsets);
    return labels;
}

}  // namespace

ClassLabels class_labels(const std::vector<LabelWord>& labels, const fs::path& file,
                         const fs::path& synsets) {
    return to_number(labels.front().word) ? labels_by_number(labels, file, synsets)
                                          : labels_by_name(labels, file, synsets);
}

int64_t number_of_classes(int64_t least, const fs::path& file, const fs::path& synsets) {
    if (synsets.empty()) return least;
    const int64_t classes = Synsets::read(synsets).size();
    if (least > classes) {
        throw InputError(
            "{}: has the class index {}, but data.synsets names {} classes, counted from 0",
            file.string(), least - 1, classes);
    }
    return classes;
}

}  // namespace comq
