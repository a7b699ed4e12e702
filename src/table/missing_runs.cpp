#include "table/missing_runs.hpp"

#include <fmt/format.h>

#include <map>
#include <span>

#include "config/value_types.hpp"
#include "storage/atomic_file.hpp"
#include "table/peer_methods.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

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

}  // namespace

std::vector<fs::path> write_sweeps(const std::vector<MissingRun>& missing, const fs::path& folder) {
    std::map<fs::path, std::string> points_of;
    for (const MissingRun& run : missing) {
        if (peer_method(run.overrides)) continue;
        points_of[run.config_file] += point_of(run);
    }
    fs::create_directories(folder);
    std::vector<fs::path> files;
    for (const auto& [config, points] : points_of) {
        const fs::path name = folder / config.stem();
        const fs::path file = name.string() + ".yaml";
        const std::string text = fmt::format(
            "# Written by make_tables: runs that a table misses.\n"
            "config: {}\nfolder: {}\npoints:\n{}",
            print_yaml_text(fs::absolute(config).string()),
            print_yaml_text(fs::absolute(name).string()), points);
        write_text_atomically(file, text);
        files.push_back(file);
    }
    return files;
}

}  // namespace comq
