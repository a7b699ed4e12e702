#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "points/expand.hpp"
#include "points/result_files.hpp"
#include "table/table_spec.hpp"

namespace comq {

/** A run that would fill a cell or one of its seeds. */
struct MissingRun {
    std::filesystem::path config;  ///< as the table names it
    Choice settings;               ///< of its config
    std::filesystem::path output;
    std::filesystem::path config_file{};  ///< where it lies
    /** What a launcher has made of it, "queued, task 12_3: Resources"; empty: nothing yet. */
    std::string state{};

    /** The settings as "key=value". */
    std::vector<std::string> overrides() const;
    /** For a shell. */
    std::string command() const;
    /** That with its state as a comment. */
    std::string line() const;
};

/** What the runs of one cell have to be. */
struct CellPlan {
    const Figure* measure = nullptr;
    std::filesystem::path config;
    std::filesystem::path config_file;
    Choice settings;  ///< by key, without the seed
    /**
     * Keys of the resolved config that decide whether a run belongs here: the model, all that is
     * done to it, and what else the spec sets.
     */
    ConfigValues expected;
    /** `model.weights` where the spec sets it; the empty path: those that come with the model. */
    std::optional<std::filesystem::path> weights;
    std::string name;       ///< "w4/comq/deit_small": for messages and file names
    bool any_seed = false;  ///< a run of one seed stands for those of all

    /**
     * Checkpoints are the same by their content, as in a run's identity, or by name where `weights`
     * is not on this machine. Throws InputError when they can't be read.
     */
    bool matches(const ResultFile& file) const;
    MissingRun run(uint64_t seed, const std::filesystem::path& folder) const;
};

/** `group` may be null. Throws UsageError when the config of the cell can't be resolved. */
CellPlan plan_cell(const TableSpec& spec, const RowSpec& row, const RowGroupSpec* group,
                   const ColumnSpec& column, const KnownNames& known);

/**
 * The runs of one cell, by seed: one for each, or more where a time was measured repeatedly.
 * Throws InputError naming two files that differ by more than their seed.
 */
std::vector<const ResultFile*> claims_of(const CellPlan& plan,
                                         const std::vector<ResultFile>& results);

// Which keys tell the runs of one cell from others, by what a key affects.

/**
 * Whether a key says on which images which network is evaluated; the others say what is done to the
 * network, which its full-precision accuracy does not depend on.
 */
bool describes_full_precision(const KeyInfo& key);

/** Whether two runs that differ in the key are different experiments, which one cell can't hold. */
bool tells_apart(const KeyInfo& key);

/** Whether a cell has one value of the key even if no `set` names it: it says what is done. */
bool always_decides(const KeyInfo& key);

/** Whether a cell has the `value` that a `set` names; `of_time`: it shows how long something took.
 */
bool decides_when_named(const KeyInfo& key, const std::string& value, bool of_time);

}  // namespace comq
