#include "experiment_config/method_reads.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "quantization/method.hpp"

namespace comq {

namespace {

constexpr std::string_view section = "quantization.";

std::string unread_message(const std::string& method, std::string_view key) {
    const auto readers = methods_that_read(key);
    if (readers.empty()) return "no method reads it; take it out";
    return fmt::format("{} does not read it ({} {}); take it out, or choose another method", method,
                       fmt::join(readers, ", "), readers.size() == 1 ? "does" : "do");
}

}  // namespace

bool is_read(const std::string& key, const ExperimentConfig& config) {
    return !key.starts_with(section) ||
           method_reads(config.quantization.method, key.substr(section.size()));
}

void check_reads(const LoadedConfig& loaded, const GivenLevels& levels, ConfigProblems& problems) {
    const auto chosen = levels.find("quantization.method");
    const std::size_t first = chosen == levels.end() ? 0 : chosen->second;
    for (const auto& [key, level] : levels) {
        if (level < first || is_read(key, loaded.config)) continue;
        problems.add(loaded.given.at(key), key,
                     unread_message(loaded.config.quantization.method,
                                    std::string_view(key).substr(section.size())));
    }
}

}  // namespace comq
