#include "table/missing_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/text.hpp"
#include "points/expand.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t digest_digits = 8;

/** That of the config, and a digest of its path unless it is the first of that name. */
std::string set_name(const fs::path& config, const std::set<fs::path>& configs) {
    const std::string stem = config.stem().string();
    const auto first = std::ranges::find(configs, config.stem(), &fs::path::stem);
    if (first == configs.end() || *first == config) return stem;
    return fmt::format("{}-{}", stem, sha256_hex(config.string()).substr(0, digest_digits));
}

}  // namespace

std::map<fs::path, std::vector<MissingRun>> launchable_runs(const Table& table) {
    std::map<fs::path, std::vector<MissingRun>> runs_of;
    for (const MissingRun& run : table.missing()) {
        if (peer_method(run.settings)) continue;
        runs_of[fs::absolute(run.config_file).lexically_normal()].push_back(run);
    }
    return runs_of;
}

void set_state(Table& table, const MissingRun& run, const std::string& state) {
    const auto is_same = [&](const MissingRun& other) {
        return other.config_file == run.config_file && other.overrides() == run.overrides();
    };
    for (TableRow& row : table.rows) {
        for (TableCell& cell : row.cells) {
            for (MissingRun& missing : cell.missing) {
                if (is_same(missing)) missing.state = state;
            }
        }
    }
}

std::vector<PointSet> missing_points(const Table& table, const fs::path& folder,
                                     const LoadOptions& options) {
    if (!is_utf8(fs::absolute(folder).string())) {
        throw UsageError(
            "{}: is not UTF-8, which the configs of points can't hold; give another --results",
            folder.string());
    }
    std::vector<PointSet> sets;
    for (const auto& [config, runs] : launchable_runs(table)) {
        Axis axis;
        for (const MissingRun& run : runs) axis.push_back(run.settings);
        PointSet set;
        set.name = set_name(config, table.configs);
        set.config = config;
        set.folder = fs::absolute(folder / set.name).lexically_normal();
        sets.push_back(expand(std::move(set), {.shared = {}, .axes = {axis}}, options));
    }
    return sets;
}

const std::vector<std::string>& peer_methods() {
    static const std::vector<std::string> names{"brevitas_gpfq", "brevitas_gptq", "brevitas_qronos",
                                                "brevitas_rtn"};
    return names;
}

KnownNames with_peers(KnownNames known) {
    known.methods.insert(known.methods.end(), peer_methods().begin(), peer_methods().end());
    return known;
}

std::optional<std::string> peer_method(const std::vector<Setting>& settings) {
    for (const Setting& setting : settings) {
        if (setting.key != "quantization.method") continue;
        const auto found = std::ranges::find(peer_methods(), setting.value.scalar);
        if (found != peer_methods().end()) return *found;
    }
    return std::nullopt;
}

}  // namespace comq
