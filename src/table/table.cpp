#include "table/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/check.hpp"
#include "table/comparability.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** What does not matter for the network before it is quantized. */
void forget_quantization(MeasuredSetting& setting) {
    setting.layers.reset();
    setting.uses_labels.reset();
    setting.differs.clear();
}

/** Builds a table block by block; see fill_table. */
class Filler {
  public:
    Filler(const TableSpec& spec, const std::vector<ResultFile>& results,
           const FillOptions& options)
        : spec_(spec), results_(results), options_(options) {}

    Table fill() {
        table_.title = spec_.title;
        table_.caption = spec_.caption;
        for (const ColumnSpec& column : spec_.columns) {
            table_.column_ids.push_back(column.id.id);
            table_.columns.push_back(column.label);
        }
        add_block(nullptr);
        for (const RowGroupSpec& group : spec_.groups) add_block(&group);
        for (const SourceSpec& source : spec_.sources) {
            if (used_sources_.contains(source.id.id)) table_.citations.push_back(source.citation);
        }
        return std::move(table_);
    }

  private:
    struct Published {
        const PublishedSpec* entry;
        double value;
    };

    std::optional<Published> published(const RowSpec& row, const RowGroupSpec* group,
                                       const ColumnSpec& column) const {
        const std::string id = group == nullptr ? "" : group->id.id;
        for (const PublishedSpec& entry : spec_.published) {
            if (entry.row.id != row.id.id || entry.group.id != id) continue;
            for (const PublishedValue& number : entry.values) {
                if (number.column.id == column.id.id) return Published{&entry, number.value};
            }
        }
        return std::nullopt;
    }

    /**
     * Of the column: the table's, which is about the main set of images, with the published
     * accuracy of the full-precision network.
     */
    MeasuredSetting column_setting(const ColumnSpec& column, const std::string& set) const {
        MeasuredSetting setting = spec_.setting;
        if (!set.empty()) {
            setting.evaluation_images.reset();
            setting.full_precision.reset();
        }
        if (setting.full_precision) return setting;
        for (const RowSpec& row : spec_.rows) {
            if (row.measure == nullptr || !row.measure->before_quantization) continue;
            if (row.measure->set != set) continue;
            if (const auto given = published(row, nullptr, column)) {
                setting.full_precision = given->value;
            }
        }
        return setting;
    }

    void add_block(const RowGroupSpec* group) {
        const std::size_t first = table_.rows.size();
        for (const RowSpec& row : spec_.rows) {
            if (!spec_.stands_in(row, group)) continue;
            TableRow filled{row.id.id, row.label, group == nullptr ? "" : group->label, {}};
            for (const ColumnSpec& column : spec_.columns) {
                filled.cells.push_back(fill_cell(row, group, column));
            }
            const bool empty = std::ranges::all_of(filled.cells, [](const TableCell& cell) {
                return !cell.published && !cell.ours && cell.missing.empty();
            });
            if (!empty) table_.rows.push_back(std::move(filled));
        }
        for (std::size_t column = 0; column < spec_.columns.size(); ++column) {
            mark_best(first, column);
        }
    }

    TableCell fill_cell(const RowSpec& row, const RowGroupSpec* group, const ColumnSpec& column) {
        TableCell cell;
        cell.measure = &spec_.measure_of(row, group, column);
        const MeasuredSetting base = column_setting(column, cell.measure->set);
        MeasuredSetting reference = base;
        if (const auto given = published(row, group, column)) {
            const SourceSpec& source = spec_.source(given->entry->source.id);
            reference = overlaid(base, overlaid(source.setting, given->entry->setting));
            if (cell.measure->before_quantization) forget_quantization(reference);
            cell.published = TableValue{.value = given->value};
            cell.source = source.id.id;
            used_sources_.insert(source.id.id);
            note(*cell.published, reasons_against(reference, base));
        }
        if (row.measured() && column.measured) {
            const CellPlan plan = plan_cell(spec_, row, group, column, options_.known);
            table_.configs.insert(fs::absolute(plan.config_file).lexically_normal());
            const auto claims = claims_of(plan, results_);
            list_missing(cell, row.seeds.value_or(spec_.seeds), plan, claims);
            if (!claims.empty()) fill_ours(cell, column, claims, base, reference);
        }
        return cell;
    }

    void list_missing(TableCell& cell, const std::vector<uint64_t>& seeds, const CellPlan& plan,
                      const std::vector<const ResultFile*>& claims) const {
        const auto folder = options_.output_folder / spec_.file.stem();
        for (const uint64_t seed : seeds) {
            const bool there = std::ranges::any_of(claims, [&](const ResultFile* claim) {
                return plan.any_seed || claim->run.provenance.seed == seed;
            });
            if (!there) cell.missing.push_back(plan.run(seed, folder));
            if (plan.any_seed) break;
        }
    }

    void fill_ours(TableCell& cell, const ColumnSpec& column,
                   const std::vector<const ResultFile*>& claims, const MeasuredSetting& base,
                   const MeasuredSetting& reference) {
        std::vector<Measurement> measurements;
        for (const ResultFile* claim : claims) {
            cell.files.push_back(claim->path);
            measurements.push_back(cell.measure->of(claim->run));
        }
        const Measurement mean = mean_of(measurements);
        cell.ours = TableValue{
            .value = mean.value, .standard_error = mean.standard_error, .runs = claims.size()};
        MeasuredSetting own = setting_of(*claims.front(), cell.measure->set);
        if (cell.measure->before_quantization) forget_quantization(own);
        cell.comparable =
            cell.published && reference.differs.empty() && reasons_against(own, reference).empty();
        auto reasons = reasons_against(own, base);
        compare_with_column(column, cell.measure->set, *claims.front(), reasons);
        note(*cell.ours, reasons);
    }

    /** Numbers of one network are only compared on the same images and checkpoint. */
    void compare_with_column(const ColumnSpec& column, const std::string& set,
                             const ResultFile& file, std::vector<std::string>& reasons) {
        const std::string key = column.id.id + "/" + file.values.at("model.name") + "@" + set;
        const ResultFile& first = *first_in_column_.try_emplace(key, &file).first->second;
        if (file.images_of(set) != first.images_of(set)) {
            reasons.push_back("other evaluation images than above in this column");
        }
        if (file.run.provenance.checkpoint_sha256 != first.run.provenance.checkpoint_sha256) {
            reasons.push_back("another checkpoint than above in this column");
        }
    }

    void note(TableValue& value, const std::vector<std::string>& reasons) {
        for (const std::string& reason : reasons) {
            const auto found = std::ranges::find(table_.notes, reason);
            value.notes.push_back(static_cast<std::size_t>(found - table_.notes.begin()));
            if (found == table_.notes.end()) table_.notes.push_back(reason);
        }
    }

    /** Among the comparable numbers of a column in the rows from `first` on, measure by measure. */
    void mark_best(std::size_t first, std::size_t column) {
        std::map<const Figure*, std::vector<TableValue*>> candidates;
        for (std::size_t row = first; row < table_.rows.size(); ++row) {
            TableCell& cell = table_.rows[row].cells[column];
            if (cell.measure->before_quantization) continue;
            for (auto* value : {&cell.published, &cell.ours}) {
                if (*value && (*value)->notes.empty()) {
                    candidates[cell.measure].push_back(&**value);
                }
            }
        }
        for (const auto& [measure, values] : candidates) {
            if (values.size() > 1) mark_best(values, measure->higher_is_better);
        }
    }

    static void mark_best(const std::vector<TableValue*>& candidates, bool higher) {
        const auto better = [higher](const TableValue* a, const TableValue* b) {
            return higher ? a->value > b->value : a->value < b->value;
        };
        const double best = (*std::ranges::min_element(candidates, better))->value;
        for (TableValue* candidate : candidates) candidate->best = candidate->value == best;
    }

    const TableSpec& spec_;
    const std::vector<ResultFile>& results_;
    const FillOptions& options_;
    Table table_;
    std::set<std::string> used_sources_;
    std::map<std::string, const ResultFile*> first_in_column_;
};

}  // namespace

Measurement mean_of(const std::vector<Measurement>& runs) {
    COMQ_CHECK(!runs.empty());
    if (runs.size() == 1) return runs.front();
    const auto count = static_cast<double>(runs.size());
    double mean = 0;
    for (const auto& run : runs) mean += run.value / count;
    double squares = 0;
    for (const auto& run : runs) squares += (run.value - mean) * (run.value - mean);
    return {mean, std::sqrt(squares / (count - 1) / count)};
}

std::optional<double> TableCell::difference() const {
    if (!comparable) return std::nullopt;
    return ours->value - published->value;
}

bool Table::has_published() const { return !citations.empty(); }

std::vector<MissingRun> Table::missing() const {
    std::vector<MissingRun> all;
    std::set<std::string> seen;
    for (const TableRow& row : rows) {
        for (const TableCell& cell : row.cells) {
            for (const MissingRun& run : cell.missing) {
                const MissingRun without_file{run.config, run.settings, {}};
                if (seen.insert(without_file.command()).second) all.push_back(run);
            }
        }
    }
    return all;
}

Table fill_table(const TableSpec& spec, const std::vector<ResultFile>& results,
                 const FillOptions& options) {
    return Filler(spec, results, options).fill();
}

}  // namespace comq
