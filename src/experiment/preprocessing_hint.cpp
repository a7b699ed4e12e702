#include "experiment/preprocessing_hint.hpp"

#include <fmt/format.h>

#include <vector>

#include "core/progress.hpp"
#include "data/label_check.hpp"
#include "evaluation/evaluate.hpp"
#include "networks/recipe.hpp"

namespace comq {

namespace {

constexpr std::size_t tried_images = 200;
constexpr double telling_points = 3.0;

/** One change of a recipe. */
struct Alternative {
    std::string keys;  ///< as they are given on the command line
    PreprocessingConfig given;
};

Alternative colours(float mean, float std) {
    PreprocessingConfig given;
    given.mean = {mean, mean, mean};
    given.std = {std, std, std};
    const auto list = [](float value) { return fmt::format("[{0},{0},{0}]", value); };
    return {fmt::format("model.preprocessing.mean={} model.preprocessing.std={}", list(mean),
                        list(std)),
            given};
}

std::vector<Alternative> alternatives() {
    const Preprocessing imagenet;
    std::vector<Alternative> all{colours(0.5F, 0.5F), colours(0.0F, 1.0F)};
    all.push_back(
        {"model.preprocessing.mean=[0.485,0.456,0.406] "
         "model.preprocessing.std=[0.229,0.224,0.225]",
         {.mean = imagenet.mean, .std = imagenet.std}});
    all.push_back(
        {"model.preprocessing.interpolation=bicubic", {.interpolation = Interpolation::bicubic}});
    for (const double crop_pct : {0.875, 1.0}) {
        all.push_back(
            {fmt::format("model.preprocessing.crop_pct={}", crop_pct), {.crop_pct = crop_pct}});
    }
    return all;
}

double share_right(const Predictions& predictions, std::size_t count) {
    std::size_t right = 0;
    for (std::size_t i = 0; i < count; ++i) {
        right += predictions.label[i] == predictions.prediction[i] ? 1U : 0U;
    }
    return 100.0 * static_cast<double>(right) / static_cast<double>(count);
}

}  // namespace

std::string better_preprocessing(RunContext& context, const Predictions& predictions) {
    if (predictions.size() < tried_images || context.config.data.embedded()) return {};
    const double as_run = share_right(predictions, tried_images);
    const Preprocessing& published = context.model.description->preprocessing;
    const auto recipes = alternatives();
    Progress progress("other preprocessing", "images",
                      static_cast<int64_t>(recipes.size() * tried_images));
    double best = as_run;
    std::string found;
    for (const auto& [keys, given] : recipes) {
        ImagePass pass =
            context.evaluation_pass(context.sets.front())
                .over({predictions.image.begin(),
                       predictions.image.begin() + static_cast<std::ptrdiff_t>(tried_images)});
        pass.images.preprocessing = changed({published, {}, {}}, given).preprocessing;
        // Images that are not resized are not cropped otherwise either.
        const bool geometry = published.resize == 0 && (given.crop_pct || given.interpolation);
        if (geometry || pass.images.preprocessing == published) continue;
        const Predictions tried = evaluate(*context.model.network, pass, progress);
        const double share = share_right(tried, tried_images);
        // What guessing would be right in tells of labels, not of preprocessing.
        const bool by_chance =
            check_labels(tried.label, tried.prediction, context.model.description->classes)
                .at_chance_level();
        if (share <= best || by_chance) continue;
        best = share;
        found = keys;
    }
    if (best < as_run + telling_points) return {};
    return fmt::format(
        "did you mean {}? {:.1f}% of the first {} images are right with it, {:.1f}% "
        "without",
        found, best, tried_images, as_run);
}

}  // namespace comq
