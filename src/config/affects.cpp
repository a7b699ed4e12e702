#include "config/affects.hpp"

#include <utility>

namespace comq {

std::vector<std::string> Affects::names() const {
    static const std::pair<Effect, const char*> all[] = {
        {Effect::full_precision, "full_precision"},
        {Effect::calibration_images, "calibration_images"},
        {Effect::evaluation_images, "evaluation_images"},
        {Effect::statistics, "statistics"},
        {Effect::solution, "solution"},
        {Effect::repair, "repair"},
        {Effect::evaluation, "evaluation"},
        {Effect::resource, "resource"},
        {Effect::location, "location"},
    };
    std::vector<std::string> found;
    for (const auto& [effect, name] : all) {
        if (has(effect)) found.emplace_back(name);
    }
    return found;
}

}  // namespace comq
