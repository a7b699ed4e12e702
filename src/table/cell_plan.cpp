#include "table/cell_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/paths.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/load_config.hpp"
#include "table/missing_runs.hpp"
#include "weights/checkpoint.hpp"

namespace comq {

namespace {

ConfigValues expected_values(const ConfigValues& resolved,
                             const std::function<bool(const std::string& key)>& is_set,
                             const Figure& figure) {
    const auto& keys = experiment_schema().keys();
    ConfigValues expected;
    for (const KeyInfo& key : keys) {
        const auto found = resolved.find(key.key);
        if (found == resolved.end()) continue;  // the method does not read it
        if (figure.before_quantization && !describes_full_precision(key)) continue;
        const bool decides = is_set(key.key)
                                 ? decides_when_named(key, found->second, figure.is_time())
                                 : always_decides(key);
        if (decides) expected.insert(*found);
    }
    return expected;
}

/** Of the checkpoint, the file that the run found, not what its config demanded. */
std::string recorded(const ResultFile& file, const std::string& key) {
    return key == "model.sha256" ? file.run.provenance.checkpoint_sha256 : file.value(key);
}

/** SHA-256 of a checkpoint, read once for all cells; none where it is not on this machine. */
std::optional<std::string> digest_of(const std::filesystem::path& file) {
    static std::map<std::filesystem::path, std::string> known;
    std::error_code none;
    if (!std::filesystem::exists(file, none)) return std::nullopt;
    auto found = known.find(file);
    if (found == known.end()) found = known.emplace(file, checkpoint_sha256(file)).first;
    return found->second;
}

bool has_checkpoint(const ResultFile& file, const std::filesystem::path& weights) {
    if (weights.empty()) return recorded(file, "model.weights") == "null";
    const auto digest = digest_of(weights);
    return digest ? *digest == file.run.provenance.checkpoint_sha256
                  : weights.filename().string() == file.run.provenance.checkpoint;
}

/** Whether two runs were evaluated on the same sets beside their own images. */
bool have_same_sets(const RunRecord& a, const RunRecord& b) {
    return std::ranges::equal(a.sets, b.sets, [](const SetRecord& first, const SetRecord& second) {
        return first.name == second.name && first.images == second.images;
    });
}

/** Throws where no run of the config could fill the cell. */
void check_set(const Figure& figure, const ExperimentConfig& config) {
    const auto& sets = config.evaluation.sets;
    if (figure.set.empty() ||
        std::ranges::find(sets, figure.set, &EvaluationSet::name) != sets.end()) {
        return;
    }
    throw UsageError(
        "{} is measured on a set '{}', which evaluation.sets of its config does not name; add the "
        "set to the config or under 'set'",
        figure.name, figure.set);
}

/** What but the seed two runs differ in, in words. */
std::vector<std::string> differences(const ResultFile& a, const ResultFile& b,
                                     const Figure& figure) {
    const auto& keys = experiment_schema().keys();
    std::vector<std::string> found;
    for (const KeyInfo& key : keys) {
        if (!tells_apart(key)) continue;
        if (figure.before_quantization && !describes_full_precision(key)) continue;
        const std::string first = a.value(key.key);
        const std::string second = b.value(key.key);
        if (first != second) found.push_back(fmt::format("{} ({}, {})", key.key, first, second));
    }
    if (!found.empty()) return found;
    const bool same_seed = a.run.provenance.seed == b.run.provenance.seed;
    const auto compare = [&](const auto& first, const auto& second, const char* what) {
        if (first != second) found.emplace_back(what);
    };
    compare(a.run.provenance.checkpoint_sha256, b.run.provenance.checkpoint_sha256,
            "the checkpoint (model.weights)");
    if (!figure.set.empty()) {
        const std::string what = fmt::format("the images of the set {}", figure.set);
        compare(a.images_of(figure.set), b.images_of(figure.set), what.c_str());
    } else if (same_seed || a.value("evaluation.images") == "all") {
        compare(a.evaluation_images, b.evaluation_images,
                "the evaluation images (data.evaluation)");
    }
    if (figure.before_quantization) return found;
    if (same_seed || a.value("calibration.selection") == "first") {
        compare(a.calibration_images, b.calibration_images,
                "the calibration images (data.calibration)");
    }
    if (figure.is_time()) {
        compare(a.run.provenance.cpu_model, b.run.provenance.cpu_model, "the processor");
        compare(a.run.provenance.threads, b.run.provenance.threads,
                "the number of threads (resources.threads)");
        compare(a.run.provenance.device, b.run.provenance.device, "the device");
    }
    // Further sets of images are another identity and the same numbers elsewhere.
    if (same_seed && found.empty() && have_same_sets(a.run, b.run)) {
        compare(a.run.identity, b.run.identity, "LibTorch or the instruction set");
    }
    return found;
}

void refuse_different(const CellPlan& plan, const ResultFile& a, const ResultFile& b) {
    const auto different = differences(a, b, *plan.measure);
    if (different.empty()) return;
    throw InputError(
        "cell {}: {} and {} both fill it and differ by more than the seed: {}; keep to "
        "the runs meant with --results FOLDER, move one of the two away, or name these keys under "
        "'set' in the table",
        plan.name, a.path.string(), b.path.string(), fmt::join(different, ", "));
}

}  // namespace

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

std::vector<std::string> MissingRun::overrides() const {
    std::vector<std::string> words;
    for (const Setting& setting : settings) words.push_back(override_of(setting));
    return words;
}

std::string MissingRun::command() const {
    const bool by_peer = peer_method(settings).has_value();
    std::string text =
        (by_peer ? "scripts/compare_peers.py " : "run_experiment ") + shell_quoted(config.string());
    for (const std::string& word : overrides()) text += " " + shell_quoted(word);
    // The script names its files itself, several methods and their round-to-nearest in a folder.
    return text + " --output " + shell_quoted((by_peer ? output.parent_path() : output).string());
}

std::string MissingRun::line() const {
    return state.empty() ? command() : fmt::format("{}  # {}", command(), state);
}

bool CellPlan::matches(const ResultFile& file) const {
    const auto as_expected = [&](const auto& item) {
        return recorded(file, item.first) == item.second;
    };
    return std::ranges::all_of(expected, as_expected) &&
           (!weights || has_checkpoint(file, *weights));
}

MissingRun CellPlan::run(uint64_t seed, const std::filesystem::path& folder) const {
    MissingRun missing{config, settings, {}, config_file};
    if (seed != 0) missing.settings.push_back(setting_of("seed", fmt::format("{}", seed)));
    std::string file = name;
    std::ranges::replace(file, '/', '_');
    missing.output = folder / (seed == 0 ? file + ".h5" : fmt::format("{}_seed{}.h5", file, seed));
    return missing;
}

CellPlan plan_cell(const TableSpec& spec, const RowSpec& row, const RowGroupSpec* group,
                   const ColumnSpec& column, const KnownNames& known) {
    CellPlan plan;
    plan.measure = &spec.measure_of(row, group, column);
    plan.config = column.config.empty() ? spec.config : column.config;
    plan.name = group == nullptr ? fmt::format("{}/{}", row.id.id, column.id.id)
                                 : fmt::format("{}/{}/{}", group->id.id, row.id.id, column.id.id);
    YamlNode set;  // in the order of precedence
    lay_over(set, spec.set);
    lay_over(set, column.set);
    if (group != nullptr) lay_over(set, group->set);
    lay_over(set, row.set);
    if (plan.measure->before_quantization && set.find("quantization.method") == nullptr) {
        set.entries.push_back(setting_of("quantization.method", "none"));
    }
    std::ranges::sort(set.entries, {}, &Setting::key);
    plan.settings = std::move(set.entries);

    plan.config_file = find_shipped(plan.config);
    std::vector<YamlNode> documents;
    for (const Setting& setting : plan.settings) documents.push_back(document_of(setting));
    try {
        const LoadedConfig loaded = load_config_documents(plan.config_file, documents,
                                                          {known, {data_folder() / "configs"}});
        check_set(*plan.measure, loaded.config);
        const ConfigValues resolved = resolved_values(loaded.config);
        const auto is_set = [&](const std::string& key) {
            return std::ranges::find(plan.settings, key, &Setting::key) != plan.settings.end();
        };
        plan.expected = expected_values(resolved, is_set, *plan.measure);
        plan.any_seed = plan.measure->before_quantization || !depends_on_seed(loaded.config);
        if (is_set("model.weights")) plan.weights = loaded.config.model.weights;
    } catch (const UsageError& error) {
        throw UsageError("{}: cell {}: {}", spec.file.string(), plan.name, error.what());
    }
    return plan;
}

std::vector<const ResultFile*> claims_of(const CellPlan& plan,
                                         const std::vector<ResultFile>& results) {
    std::vector<const ResultFile*> claims;
    for (const ResultFile& file : results) {
        if (plan.matches(file) && plan.measure->of(file.run).exists()) claims.push_back(&file);
    }
    std::map<uint64_t, const ResultFile*> first_of_seed;
    for (const ResultFile* claim : claims) {
        refuse_different(plan, *claims.front(), *claim);
        // Runs of one seed have more in common: their images, and all of their identity.
        const auto first = first_of_seed.try_emplace(claim->run.provenance.seed, claim).first;
        refuse_different(plan, *first->second, *claim);
    }
    std::ranges::sort(claims, {}, [](const ResultFile* file) {
        return std::tuple(file->run.provenance.seed, file->path);
    });
    if (plan.measure->before_quantization) {
        if (!claims.empty()) claims.assign(1, claims.front());  // the seed does not enter
    } else if (!plan.measure->is_time()) {
        const auto repeats = [](const ResultFile* a, const ResultFile* b) {
            return a->run.provenance.seed == b->run.provenance.seed;
        };
        claims.erase(std::unique(claims.begin(), claims.end(), repeats), claims.end());
    }
    return claims;
}

}  // namespace comq
