#include "table/missing_runs.hpp"

#include <fmt/format.h>

#include <map>
#include <span>

#include "config/value_types.hpp"
#include "config/yaml_document.hpp"
#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/text.hpp"
#include "storage/atomic_file.hpp"
#include "table/peer_methods.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t digest_digits = 8;

/** An element of a YAML list: "quantization.bits: 4" of "quantization.bits=4", a line each. */
std::string point_of(const MissingRun& run) {
    std::string lines;
    for (const std::string& word : run.overrides) {
        const auto equals = word.find('=');
        lines += fmt::format("{}{}: {}\n", lines.empty() ? "  - " : "    ", word.substr(0, equals),
                             word.substr(equals + 1));
    }
    return lines;
}

/** Whether a sweep of another config has this file. */
bool is_taken(const fs::path& file, const fs::path& config) {
    if (!fs::exists(file)) return false;
    ConfigProblems ignored;
    const auto sweep = read_yaml_file(file, ignored);
    const YamlNode* other = sweep ? sweep->find("config") : nullptr;
    return other != nullptr && fs::path(other->scalar).lexically_normal() != config;
}

/**
 * That of the config, and a digest of its path where another config of that name came first. Later
 * calls find the files of earlier ones and so the same names, whichever runs are missing by then.
 */
std::string sweep_name(const fs::path& folder, const fs::path& config) {
    const std::string stem = config.stem().string();
    if (!is_taken(folder / (stem + ".yaml"), config)) return stem;
    return fmt::format("{}-{}", stem, sha256_hex(config.string()).substr(0, digest_digits));
}

}  // namespace

std::vector<fs::path> write_sweeps(const std::vector<MissingRun>& missing, const fs::path& folder) {
    std::map<fs::path, std::string> points_of;
    for (const MissingRun& run : missing) {
        if (peer_method(run.overrides)) continue;
        points_of[fs::absolute(run.config_file).lexically_normal()] += point_of(run);
    }
    if (!is_utf8(fs::absolute(folder).string())) {
        throw UsageError("{}: is not UTF-8, so no sweep can name it; give another --results",
                         folder.string());
    }
    fs::create_directories(folder);
    std::vector<fs::path> files;
    for (const auto& [config, points] : points_of) {
        const fs::path name = folder / sweep_name(folder, config);
        const fs::path file = name.string() + ".yaml";
        const std::string text = fmt::format(
            "# Written by make_tables: runs that a table misses.\n"
            "config: {}\nfolder: {}\npoints:\n{}",
            print_yaml_text(config.string()), print_yaml_text(fs::absolute(name).string()), points);
        write_text_atomically(file, text);
        files.push_back(file);
    }
    return files;
}

}  // namespace comq
