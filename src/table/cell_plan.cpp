#include "table/cell_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/config_text.hpp"
#include "config/load_config.hpp"
#include "config/shipped_file.hpp"
#include "core/errors.hpp"
#include "core/paths.hpp"
#include "core/shell_words.hpp"
#include "report/config_values.hpp"
#include "table/peer_methods.hpp"

namespace comq {

namespace {

using Values = std::map<std::string, std::string>;

/** Keys whose value can change numbers; paths and resources can't, by themselves. */
bool is_result_key(const std::vector<KeyInfo>& keys, const std::string& key) {
    const auto found = std::ranges::find(keys, key, &KeyInfo::key);
    return found != keys.end() && found->key_class == KeyClass::result;
}

bool describes_calibration_images(const std::string& key) {
    for (const char* name : {"images", "selection", "holdout", "batch_size", "transform"}) {
        if (key == std::string("calibration.") + name) return true;
    }
    return false;
}

/** Whether runs that differ in this key are different experiments even if no `set` names it. */
bool always_decides(const std::string& key) {
    if (key == "model.name") return true;
    return !describes_full_precision(key) && !describes_calibration_images(key) && key != "seed";
}

Values expected_values(const Values& resolved, const Values& set, Measure measure) {
    static const std::vector<KeyInfo> keys = experiment_schema().keys();
    Values expected;
    for (const auto& [key, value] : resolved) {
        if (!is_result_key(keys, key)) continue;
        if (measure == Measure::full_precision && !describes_full_precision(key)) continue;
        if (set.contains(key) || always_decides(key)) expected[key] = value;
    }
    return expected;
}

}  // namespace

bool describes_full_precision(const std::string& key) {
    return key.starts_with("model.") || key.starts_with("data.") || key.starts_with("evaluation.");
}

std::string MissingRun::command() const {
    const bool by_peer = peer_method(overrides).has_value();
    std::string text =
        (by_peer ? "scripts/compare_peers.py " : "run_experiment ") + shell_quoted(config.string());
    for (const std::string& word : overrides) text += " " + shell_quoted(word);
    // The script names its files itself, several methods and their round-to-nearest in a folder.
    return text + " --output " + shell_quoted((by_peer ? output.parent_path() : output).string());
}

bool CellPlan::matches(const ResultFile& file) const {
    return std::ranges::all_of(expected, [&](const auto& item) {
        const auto found = file.values.find(item.first);
        return found != file.values.end() && found->second == item.second;
    });
}

MissingRun CellPlan::run(uint64_t seed, const std::filesystem::path& folder) const {
    MissingRun missing{config, overrides, {}, config_file};
    if (seed != 0) missing.overrides.push_back(fmt::format("seed={}", seed));
    std::string file = name;
    std::ranges::replace(file, '/', '_');
    missing.output = folder / (seed == 0 ? file + ".h5" : fmt::format("{}_seed{}.h5", file, seed));
    return missing;
}

CellPlan plan_cell(const TableSpec& spec, const RowSpec& row, const RowGroupSpec* group,
                   const ColumnSpec& column, const KnownNames& known) {
    CellPlan plan;
    plan.measure = spec.measure_of(row, group, column);
    plan.config = column.config.empty() ? spec.config : column.config;
    plan.name = group == nullptr ? fmt::format("{}/{}", row.id.id, column.id.id)
                                 : fmt::format("{}/{}/{}", group->id.id, row.id.id, column.id.id);
    Values set;
    const auto apply = [&](const CellSettings& settings) {
        for (const auto& [key, value] : settings.values) set[key] = value;
    };
    apply(spec.set);  // in the order of precedence
    apply(column.set);
    if (group != nullptr) apply(group->set);
    apply(row.set);
    if (plan.measure == Measure::full_precision && !set.contains("quantization.method")) {
        set["quantization.method"] = "none";
    }
    for (const auto& [key, value] : set) plan.overrides.push_back(fmt::format("{}={}", key, value));

    plan.config_file = find_shipped(plan.config);
    try {
        const LoadedConfig loaded =
            load_config(plan.config_file, plan.overrides, {known, {data_folder() / "configs"}});
        plan.expected =
            expected_values(config_values(resolved_text(loaded.config), plan.config_file.string()),
                            set, plan.measure);
    } catch (const UsageError& error) {
        throw UsageError("{}: cell {}: {}", spec.file.string(), plan.name, error.what());
    }
    return plan;
}

}  // namespace comq
