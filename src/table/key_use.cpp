#include "table/key_use.hpp"

namespace comq {

bool describes_full_precision(const KeyInfo& key) {
    return key.affects.has(Effect::full_precision) || key.affects.has(Effect::evaluation_images);
}

bool tells_apart(const KeyInfo& key) { return key.affects.numbers() && key.key != "seed"; }

bool always_decides(const KeyInfo& key) {
    return key.affects.numbers() && !key.affects.has(Effect::calibration_images) &&
           !key.affects.has(Effect::evaluation_images);
}

bool decides_when_named(const KeyInfo& key, const std::string& value, bool of_time) {
    if (key.key == "model.weights") return false;           // by content: CellPlan::weights
    if (key.key == "model.sha256") return value != "null";  // which accepts any
    if (key.key == "resources.threads") return value != "all";
    // What a run took from a cache cost it no time; where the cache lies makes no difference.
    if (key.key == "resources.cache") return of_time && value == "null";
    return !key.affects.has(Effect::resource);
}

}  // namespace comq
