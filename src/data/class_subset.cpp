#include "data/class_subset.hpp"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "core/errors.hpp"
#include "data/class_labels.hpp"
#include "data/image_view.hpp"
#include "data/text_lines.hpp"

namespace comq {

namespace {

class ClassSubset final : public ImageView {
  public:
    ClassSubset(std::unique_ptr<ImageSource> all, std::set<int64_t> valid)
        : ImageView(std::move(all)), valid_(std::move(valid)) {
        for (int64_t i = 0; i < images().size(); ++i) {
            const auto labels = images().labels(i);
            const bool is_valid =
                std::ranges::any_of(labels, [&](int64_t label) { return valid_.contains(label); });
            if (is_valid) choose(i);
        }
    }
    std::vector<int64_t> valid_classes() const override { return {valid_.begin(), valid_.end()}; }
    ImageInfo info(int64_t index) const override {
        ImageInfo info = ImageView::info(index);
        info.label = labels(index).front();
        return info;
    }
    std::vector<int64_t> labels(int64_t index) const override {
        std::vector<int64_t> labels = ImageView::labels(index);
        std::erase_if(labels, [&](int64_t label) { return !valid_.contains(label); });
        return labels;
    }

  private:
    std::set<int64_t> valid_;
};

std::set<int64_t> classes_with_images(const ImageSource& images) {
    std::set<int64_t> present;
    for (int64_t i = 0; i < images.size(); ++i) {
        const auto labels = images.labels(i);
        present.insert(labels.begin(), labels.end());
    }
    present.erase(-1);
    return present;
}

/** The first word of each line: an index or a name. */
std::set<int64_t> listed_classes(const DataConfig& config, int64_t classes) {
    std::vector<LabelWord> words;
    std::size_t line = 0;
    for (const std::string& text : read_lines(config.classes, "data.classes")) {
        std::string word;
        std::istringstream(text) >> word;
        ++line;
        if (!word.empty()) words.push_back({line, word});
    }
    if (words.empty()) {
        throw InputError("data.classes: {} names no classes", config.classes.string());
    }
    if (!to_number(words.front().word) && config.synsets.empty()) {
        throw UsageError(
            "data.classes: {} names classes, but data.synsets does not say which labels they have "
            "(imagenet: the 1,000 of ILSVRC-2012)",
            config.classes.string());
    }
    const ClassLabels labels = class_labels(words, config.classes, config.synsets);
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (labels.values[i] < classes) continue;
        throw UsageError("{}:{}: {} is no class: the images have {}", config.classes.string(),
                         words[i].line, words[i].word, classes);
    }
    return {labels.values.begin(), labels.values.end()};
}

}  // namespace

std::unique_ptr<ImageSource> restrict_classes(std::unique_ptr<ImageSource> images,
                                              const DataConfig& config) {
    if (config.classes.empty()) return images;
    std::set<int64_t> valid = config.classes == present_classes
                                  ? classes_with_images(*images)
                                  : listed_classes(config, images->classes());
    auto subset = std::make_unique<ClassSubset>(std::move(images), std::move(valid));
    if (subset->size() == 0) {
        throw UsageError("data.classes: no image of {} has a class of {}",
                         config.evaluation.string(), config.classes.string());
    }
    return subset;
}

}  // namespace comq
