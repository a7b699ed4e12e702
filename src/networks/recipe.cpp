#include "networks/recipe.hpp"

#include <cmath>

#include "core/errors.hpp"

namespace comq {

namespace {

int resized(int crop, double crop_pct) {
    return static_cast<int>(std::floor(static_cast<double>(crop) / crop_pct));
}

/** Length of the resize that leaves the same share of the image as before. */
int in_proportion(const Recipe& recipe, int crop) {
    const Preprocessing& before = recipe.preprocessing;
    if (before.resize == 0) return 0;
    if (recipe.crop_pct) return resized(crop, *recipe.crop_pct);
    return static_cast<int>(static_cast<int64_t>(crop) * before.resize / before.crop);
}

}  // namespace

bool is_given(const PreprocessingConfig& config) {
    return config.resize || config.crop_pct || config.crop || config.input_size ||
           config.resize_mode || config.interpolation || config.mean || config.std;
}

Recipe changed(const Recipe& recipe, const PreprocessingConfig& given) {
    const Preprocessing& before = recipe.preprocessing;
    Recipe result = recipe;
    Preprocessing& after = result.preprocessing;
    after.crop = given.crop.value_or(given.input_size.value_or(before.crop));
    if (given.resize) {
        after.resize = *given.resize;
        result.crop_pct.reset();
    } else if (given.crop_pct) {
        after.resize = resized(after.crop, *given.crop_pct);
        result.crop_pct = given.crop_pct;
    } else if (given.input_size) {
        after.resize = in_proportion(recipe, after.crop);
    }
    after.resize_mode = given.resize_mode.value_or(before.resize_mode);
    after.interpolation = given.interpolation.value_or(before.interpolation);
    after.mean = given.mean.value_or(before.mean);
    after.std = given.std.value_or(before.std);
    return result;
}

Interpolation interpolation_named(const std::string& name, const std::string& source) {
    if (name == "bilinear") return Interpolation::bilinear;
    if (name == "bicubic") return Interpolation::bicubic;
    throw InputError(
        "{}: images are resized by '{}', which is not known here; set "
        "model.preprocessing.interpolation and take it out there",
        source, name);
}

}  // namespace comq
