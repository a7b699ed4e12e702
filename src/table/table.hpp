#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "points/result_files.hpp"
#include "table/cell_plan.hpp"
#include "table/table_spec.hpp"

namespace comq {

/** A number of a table. */
struct TableValue {
    double value = 0;
    double standard_error = not_measured;
    std::size_t runs = 0;  ///< that it is the mean of; 0: published
    /** Why it is not comparable with the rest of its column; positions in Table::notes. */
    std::vector<std::size_t> notes{};
    bool best = false;  ///< of the comparable numbers in its block and column
};

struct TableCell {
    std::optional<TableValue> published;
    std::string source;  ///< of the published number, an id
    std::optional<TableValue> ours;
    const Figure* measure = find_figure("top1");
    bool comparable = false;  ///< published and ours, with each other
    std::vector<std::filesystem::path> files;
    std::vector<MissingRun> missing;

    /** Ours less the published one, where the two are comparable. */
    std::optional<double> difference() const;
};

struct TableRow {
    std::string id;
    std::string label;
    std::string group;  ///< title of its block; empty above the blocks
    std::vector<TableCell> cells;
};

struct Table {
    std::string title;
    std::string caption;
    std::vector<std::string> column_ids;
    std::vector<std::string> columns;
    std::vector<TableRow> rows;
    std::vector<std::string> notes;
    std::vector<std::string> citations;  ///< of the sources that the cells name

    std::set<std::filesystem::path> configs{};  ///< that runs of its cells start from, absolute

    bool has_published() const;
    std::vector<MissingRun> missing() const;
};

struct FillOptions {
    KnownNames known{};
    std::filesystem::path output_folder = "results";  ///< of runs that are missing
};

/** The mean of several runs with its standard error s/√n; one run keeps its own. */
Measurement mean_of(const std::vector<Measurement>& runs);

/**
 * Fills a table from runs. Throws InputError when two files claim one cell and differ by more than
 * their seed, naming both and the difference.
 */
Table fill_table(const TableSpec& spec, const std::vector<ResultFile>& results,
                 const FillOptions& options);

}  // namespace comq
