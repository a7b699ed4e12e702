#include "experiment_config/method_reads.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "data/layouts.hpp"
#include "quantization/method.hpp"

namespace comq {

namespace {

constexpr std::string_view method_section = "quantization.";
constexpr std::string_view layout_section = "data.";

bool method_reads_key(const std::string& key, const ExperimentConfig& config) {
    return !key.starts_with(method_section) ||
           method_reads(config.quantization.method, key.substr(method_section.size()));
}

bool layout_reads_key(const std::string& key, const ExperimentConfig& config) {
    if (!key.starts_with(layout_section)) return true;
    const auto layouts = data_layout_names();
    const std::string_view name = std::string_view(key).substr(layout_section.size());
    // A name that is none has been said.
    if (std::ranges::find(layouts, config.data.layout) == layouts.end()) return true;
    return find_layout(config.data.layout).reads_key(name);
}

std::string unread_by_method(const std::string& method, std::string_view key) {
    const auto readers = methods_that_read(key);
    if (readers.empty()) return "no method reads it; take it out";
    return fmt::format("{} does not read it ({} {}); take it out, or choose another method", method,
                       fmt::join(readers, ", "), readers.size() == 1 ? "does" : "do");
}

/** null names nothing, so a config that says all its keys is one for every layout. */
bool names_a_file(std::string_view key, const DataConfig& data) {
    const std::pair<std::string_view, const std::filesystem::path*> paths[]{
        {"calibration", &data.calibration}, {"evaluation", &data.evaluation},
        {"synsets", &data.synsets},         {"labels", &data.labels},
        {"classes", &data.classes},         {"calibration_labels", &data.calibration_labels}};
    return std::ranges::none_of(
        paths, [&](const auto& path) { return path.first == key && path.second->empty(); });
}

/** The document that chose what reads a section. */
std::size_t level_of(const std::string& chooser, const GivenLevels& levels) {
    const auto chosen = levels.find(chooser);
    return chosen == levels.end() ? 0 : chosen->second;
}

}  // namespace

bool is_read(const std::string& key, const ExperimentConfig& config) {
    const bool chooses_bits = config.quantization.average_bits.has_value();
    if (key == "quantization.bits_criterion" && !chooses_bits) return false;
    return method_reads_key(key, config) && layout_reads_key(key, config);
}

void check_reads(const LoadedConfig& loaded, const GivenLevels& levels, ConfigProblems& problems) {
    const ExperimentConfig& config = loaded.config;
    const std::size_t method_level = level_of("quantization.method", levels);
    const std::size_t layout_level = level_of("data.layout", levels);
    for (const auto& [key, level] : levels) {
        const std::string_view name = std::string_view(key).substr(key.find('.') + 1);
        if (level >= method_level && !method_reads_key(key, config)) {
            problems.add(loaded.given.at(key), key,
                         unread_by_method(config.quantization.method, name));
        }
        if (level >= layout_level && !layout_reads_key(key, config) &&
            names_a_file(name, config.data)) {
            problems.add(loaded.given.at(key), key,
                         unread_by_layout(find_layout(config.data.layout), name));
        }
    }
}

}  // namespace comq
