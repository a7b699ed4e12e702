#include "table/claims.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "core/errors.hpp"
#include "experiment_config/experiment_schema.hpp"
#include "table/key_use.hpp"

namespace comq {

namespace {

std::string value_of(const ResultFile& file, const std::string& key) {
    const auto found = file.values.find(key);
    return found == file.values.end() ? std::string() : found->second;
}

/** What but the seed two runs differ in, in words. */
std::vector<std::string> differences(const ResultFile& a, const ResultFile& b, Measure measure) {
    static const std::vector<KeyInfo> keys = experiment_schema().keys();
    std::vector<std::string> found;
    for (const KeyInfo& key : keys) {
        if (!tells_apart(key)) continue;
        if (measure == Measure::full_precision && !describes_full_precision(key)) continue;
        const std::string first = value_of(a, key.key);
        const std::string second = value_of(b, key.key);
        if (first != second) found.push_back(fmt::format("{} ({}, {})", key.key, first, second));
    }
    if (!found.empty()) return found;
    const bool same_seed = a.run.provenance.seed == b.run.provenance.seed;
    const auto compare = [&](const auto& first, const auto& second, const char* what) {
        if (first != second) found.emplace_back(what);
    };
    compare(a.run.provenance.checkpoint_sha256, b.run.provenance.checkpoint_sha256,
            "the checkpoint (model.weights)");
    if (same_seed || value_of(a, "evaluation.images") == "all") {
        compare(a.evaluation_images, b.evaluation_images,
                "the evaluation images (data.evaluation)");
    }
    if (measure == Measure::full_precision) return found;
    if (same_seed || value_of(a, "calibration.selection") == "first") {
        compare(a.calibration_images, b.calibration_images,
                "the calibration images (data.calibration)");
    }
    if (info_of(measure).is_time) {
        compare(a.run.provenance.cpu_model, b.run.provenance.cpu_model, "the processor");
        compare(a.run.provenance.threads, b.run.provenance.threads,
                "the number of threads (resources.threads)");
        compare(a.run.provenance.device, b.run.provenance.device, "the device");
    }
    if (same_seed && found.empty()) {
        compare(a.run.identity, b.run.identity, "LibTorch or the instruction set");
    }
    return found;
}

void refuse_different(const CellPlan& plan, const ResultFile& a, const ResultFile& b) {
    const auto different = differences(a, b, plan.measure);
    if (different.empty()) return;
    throw InputError(
        "cell {}: {} and {} both fill it and differ by more than the seed: {}; keep to "
        "the runs meant with --results FOLDER, move one of the two away, or name these keys under "
        "'set' in the table",
        plan.name, a.path.string(), b.path.string(), fmt::join(different, ", "));
}

}  // namespace

std::vector<const ResultFile*> claims_of(const CellPlan& plan,
                                         const std::vector<ResultFile>& results) {
    std::vector<const ResultFile*> claims;
    for (const ResultFile& file : results) {
        if (plan.matches(file) && measured(plan.measure, file.run)) claims.push_back(&file);
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
    if (plan.measure == Measure::full_precision) {
        if (!claims.empty()) claims.assign(1, claims.front());  // the seed does not enter
    } else if (!info_of(plan.measure).is_time) {
        const auto copies = std::ranges::unique(
            claims, {}, [](const ResultFile* file) { return file->run.provenance.seed; });
        claims.erase(copies.begin(), copies.end());
    }
    return claims;
}

}  // namespace comq
