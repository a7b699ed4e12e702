#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "table/result_files.hpp"
#include "table/table_spec.hpp"

namespace comq {

/** A run that would fill a cell or one of its seeds. */
struct MissingRun {
    std::filesystem::path config;        ///< as the table names it
    std::vector<std::string> overrides;  ///< "key=value"
    std::filesystem::path output;
    std::filesystem::path config_file{};  ///< where it lies

    /** For a shell. */
    std::string command() const;
};

/** What the runs of one cell have to be. */
struct CellPlan {
    Measure measure = Measure::top1;
    std::filesystem::path config;
    std::filesystem::path config_file;
    std::vector<std::string> overrides;  ///< without the seed
    /**
     * Keys of the resolved config that decide whether a run belongs here: the model, all that is
     * done to it, and what else the spec sets.
     */
    std::map<std::string, std::string> expected;
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

}  // namespace comq
