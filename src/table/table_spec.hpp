#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/yaml_document.hpp"
#include "experiment_config/experiment_schema.hpp"
#include "results/figures.hpp"

namespace comq {

/** A name in a spec that refers to another part of it. */
struct SpecReference {
    std::string id;
    YamlPosition position;
};

enum class LayerScope { default_layers, other, unknown };
enum class LabelUse { no, yes, unknown };

/** How a number was measured: what has to agree before two numbers are compared. */
struct MeasuredSetting {
    std::optional<int64_t> evaluation_images;
    std::optional<double> full_precision;  ///< Top-1 of the checkpoint, percent
    std::optional<LayerScope> layers;
    std::optional<LabelUse> uses_labels;
    std::vector<std::string> differs{};  ///< anything else, in words
};

/** `base` with what `over` gives in its place; `differs` of both. */
MeasuredSetting overlaid(MeasuredSetting base, const MeasuredSetting& over);

/** What columns, blocks and rows of a table say of their cells. */
struct CellsSpec {
    SpecReference id;
    std::string label;
    const Figure* measure = nullptr;  ///< null: see TableSpec::measure_of
    YamlNode set;                     ///< map of config keys
};

struct ColumnSpec : CellsSpec {
    std::filesystem::path config;  ///< empty: the table's
    bool measured = true;          ///< false: only published numbers
};

/** A block of rows under a title of its own, like "4 bits". */
struct RowGroupSpec : CellsSpec {};

struct RowSpec : CellsSpec {
    /** Blocks with such a row; none: all of them; an empty list: it stands above them. */
    std::optional<std::vector<SpecReference>> groups;
    std::optional<std::vector<uint64_t>> seeds;  ///< in place of the table's

    /** Whether runs of comq fill it; other rows only hold published numbers. */
    bool measured() const {
        return !set.entries.empty() || (measure != nullptr && measure->before_quantization);
    }
};

struct SourceSpec {
    SpecReference id;
    std::string citation;
    MeasuredSetting setting;
};

struct PublishedValue {
    SpecReference column;
    double value = 0;
};

/** Published numbers of one row. */
struct PublishedSpec {
    SpecReference row;
    SpecReference group;  ///< empty for a row above the blocks
    SpecReference source;
    std::vector<PublishedValue> values;
    MeasuredSetting setting;
};

/** A table as experiments/README.md describes it. */
struct TableSpec {
    std::filesystem::path file;
    std::string title;
    std::string caption;
    const Figure* measure = find_figure("top1");
    std::filesystem::path config;  ///< experiment that the cells vary; a shipped one from anywhere
    std::vector<uint64_t> seeds{0};
    YamlNode set;  ///< map of config keys
    MeasuredSetting setting;
    std::vector<ColumnSpec> columns;
    std::vector<RowGroupSpec> groups;
    std::vector<RowSpec> rows;
    std::vector<SourceSpec> sources;
    std::vector<PublishedSpec> published;

    /** The one with this id; it exists in every spec that was read. */
    const SourceSpec& source(const std::string& id) const;
    /** Whether the row is part of the block; null: of those above the blocks. */
    bool stands_in(const RowSpec& row, const RowGroupSpec* group) const;
    /** The row's, else the block's, else the column's, else the table's. */
    const Figure& measure_of(const RowSpec& row, const RowGroupSpec* group,
                             const ColumnSpec& column) const;
};

/**
 * Reads a table. Throws one UsageError with a line for everything that is wrong with it,
 * "file:line: key 'a.b': what", unknown keys and names with the nearest known one.
 */
TableSpec read_table_spec(const std::filesystem::path& file, const KnownNames& known);

}  // namespace comq
