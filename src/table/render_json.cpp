#include "core/json_text.hpp"
#include "table/render.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

Json value_json(const Table& table, const std::optional<TableValue>& value) {
    if (!value) return nullptr;
    Json json{{"value", json_number(value->value)},
              {"standard_error", json_number(value->standard_error)},
              {"best", value->best},
              {"notes", Json::array()}};
    if (value->runs > 0) json["runs"] = value->runs;
    for (const std::size_t note : value->notes) json["notes"].push_back(table.notes[note]);
    return json;
}

Json run_json(const MissingRun& run) {
    return {{"config", run.config.string()},
            {"overrides", run.overrides()},
            {"file", run.output.string()},
            {"command", run.command()},
            {"state", run.state.empty() ? Json(nullptr) : Json(run.state)}};
}

Json runs_json(const std::vector<MissingRun>& runs) {
    Json list = Json::array();
    for (const MissingRun& run : runs) list.push_back(run_json(run));
    return list;
}

Json cell_json(const Table& table, const TableCell& cell, const std::string& column) {
    const auto difference = cell.difference();
    Json json{{"column", column},
              {"measure", cell.measure->name},
              {"published", value_json(table, cell.published)},
              {"source", cell.source.empty() ? Json(nullptr) : Json(cell.source)},
              {"ours", value_json(table, cell.ours)},
              {"difference", difference ? json_number(*difference) : Json(nullptr)},
              {"files", Json::array()},
              {"missing", runs_json(cell.missing)}};
    for (const auto& file : cell.files) json["files"].push_back(file.string());
    return json;
}

}  // namespace

std::string render_json(const Table& table) {
    Json json{{"title", table.title}, {"caption", table.caption}, {"columns", Json::array()}};
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
        json["columns"].push_back(
            {{"id", table.column_ids[column]}, {"label", table.columns[column]}});
    }
    json["rows"] = Json::array();
    for (const TableRow& row : table.rows) {
        Json line{{"group", row.group.empty() ? Json(nullptr) : Json(row.group)},
                  {"id", row.id},
                  {"label", row.label},
                  {"cells", Json::array()}};
        for (std::size_t column = 0; column < row.cells.size(); ++column) {
            line["cells"].push_back(cell_json(table, row.cells[column], table.column_ids[column]));
        }
        json["rows"].push_back(std::move(line));
    }
    json["notes"] = table.notes;
    json["citations"] = table.citations;
    json["missing"] = runs_json(table.missing());
    return json_text(json);
}

}  // namespace comq
