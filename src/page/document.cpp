#include "page/document.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "core/version.hpp"
#include "experiment_config/load_config.hpp"
#include "page/class_names.hpp"
#include "page/dimensions.hpp"
#include "results/figures.hpp"
#include "results/provenance.hpp"
#include "results/record_columns.hpp"
#include "results/run_file.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

/** Of the document; its scripts lie beside the program, so they always know it. */
constexpr int document_version = 1;

Json figures_list(const std::vector<ResultFile>& files) {
    std::vector<std::string> sets;
    for (const ResultFile& file : files) {
        for (const std::string& name : set_names(file.run)) {
            if (std::ranges::find(sets, name) == sets.end()) sets.push_back(name);
        }
    }
    Json json = Json::array();
    for (const Figure& figure : figures_with(sets)) {
        json.push_back({{"name", figure.name},
                        {"unit", figure.unit},
                        {"description", figure.description},
                        {"digits", figure.digits},
                        {"higher_is_better", figure.higher_is_better},
                        {"set", figure.set}});
    }
    return json;
}

Json layer_columns() {
    Json json = Json::object();
    for (const auto& column : record_columns<LayerRecord>()) {
        json[column.name] = {{"unit", column.units}, {"description", column.description}};
    }
    return json;
}

/** What of provenance tells of the machine and the program, not of the moment or the config. */
ConfigValues provenance_values(const RunRecord& run) {
    static const std::set<std::string> of_the_moment{"started_utc", "finished_utc", "command_line"};
    ConfigValues values;
    visit_fields(run.provenance, [&](const char* name, const auto& value) {
        if (!of_the_moment.contains(name)) values[name] = fmt::format("{}", value);
    });
    return values;
}

Json differences_list(const std::vector<ResultFile>& files) {
    std::vector<ConfigValues> configs;
    std::vector<ConfigValues> origins;
    for (const ResultFile& file : files) {
        configs.push_back(file.values);
        origins.push_back(provenance_values(file.run));
    }
    Json json = Json::array();
    const auto add = [&](const std::vector<ConfigValues>& values, const char* origin) {
        for (Difference& difference : differences_of(values)) {
            json.push_back({{"key", difference.key},
                            {"origin", origin},
                            {"values", std::move(difference.values)}});
        }
    };
    add(configs, "config");
    add(origins, "provenance");
    return json;
}

/** The names of the classes that the flipped images of a run have, {"282": "tiger cat"}. */
class ClassNames {
  public:
    explicit ClassNames(const std::filesystem::path& file) {
        if (!file.empty()) given_ = read_class_names(file);
    }

    Json of(const Json& sets, const DataConfig& data) const {
        const std::vector<std::string> names = names_of(data);
        Json json = Json::object();
        for (const Json& set : sets) {
            if (set["flips"].is_null()) continue;
            for (const char* column : {"label", "full_precision", "quantized"}) {
                for (const auto& index : set["flips"][column])
                    add(index.get<int64_t>(), names, json);
            }
        }
        return json;
    }

  private:
    /** Names that are given count where there are none, or ids that nobody can read. */
    std::vector<std::string> names_of(const DataConfig& data) const {
        std::vector<std::string> own;
        try {
            own = class_names_of(data);
        } catch (const Error& error) {
            spdlog::warn("no class names: {}", error.what());
        }
        const bool unreadable = std::ranges::all_of(own, is_wordnet_id);
        return unreadable && !given_.empty() ? given_ : own;
    }

    static void add(int64_t index, const std::vector<std::string>& names, Json& json) {
        if (index < 0 || index >= static_cast<int64_t>(names.size())) return;
        json[fmt::format("{}", index)] = names[static_cast<std::size_t>(index)];
    }

    std::vector<std::string> given_;
};

/** The network and how many runs of it, "deit_tiny_patch16_224" or "2 networks, 12 runs". */
std::string common_title(const std::vector<ResultFile>& files) {
    std::set<std::string> networks;
    for (const ResultFile& file : files) {
        const std::string program = file.value("model.program");
        const std::string name = file.value("model.name");
        networks.insert(
            name.empty() || name == "null" ? std::filesystem::path(program).stem().string() : name);
    }
    const std::string what =
        networks.size() == 1 ? *networks.begin() : fmt::format("{} networks", networks.size());
    return files.size() == 1 ? what : fmt::format("{}, {} runs", what, files.size());
}

/** The labels, made to differ by the names of files where they do not. */
std::vector<std::string> distinct_labels(const std::vector<Dimension>& dimensions,
                                         const std::vector<ResultFile>& files) {
    std::vector<std::string> labels = labels_of(dimensions, files.size());
    const std::multiset<std::string> all(labels.begin(), labels.end());
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const std::string name = files[i].path.stem().string();
        if (labels[i].empty()) {
            labels[i] = name;
        } else if (all.count(labels[i]) > 1) {
            labels[i] += " (" + name + ")";
        }
    }
    return labels;
}

/** The data of a run's evaluation; of a config that this version can't read, none. */
DataConfig data_of(const RunRecord& run, const std::string& file) {
    try {
        return load_config_text(run.config, file).config.data;
    } catch (const Error&) {
        return {};
    }
}

}  // namespace

nlohmann::ordered_json document_of(const FoundRuns& runs, const DocumentOptions& options) {
    const std::vector<ResultFile>& files = runs.finished;
    std::vector<ConfigValues> values;
    for (const ResultFile& file : files) values.push_back(file.values);
    const std::vector<Dimension> dimensions = dimensions_of(values);
    const std::vector<std::string> labels = distinct_labels(dimensions, files);

    const ClassNames names(options.class_names);
    Thumbnails thumbnails;
    Json parts = Json::array();
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::string file = short_path(files[i].path).string();
        const RunRecord run = read_run_file(files[i].path, ReadScope::everything);
        RunPartOptions part_options{.images = options.images};
        if (options.thumbnails) part_options.thumbnails = &thumbnails;
        if (options.weights) part_options.weights = options.weights(run, file);
        Json part{{"label", labels[i]},
                  {"network", files[i].value("model.name")},
                  {"dimensions", Json::array()}};
        for (const Dimension& dimension : dimensions) {
            part["dimensions"].push_back(dimension.values[i]);
        }
        part.update(run_part(run, file, part_options));
        part["classes"] = names.of(part["sets"], data_of(run, file));
        parts.push_back(std::move(part));
    }

    Json keys = Json::array();
    for (const Dimension& dimension : dimensions) {
        keys.push_back({{"key", dimension.key}, {"name", dimension.name}});
    }
    Json unfinished = Json::array();
    for (const UnfinishedRun& run : runs.unfinished) {
        unfinished.push_back({{"name", run.name}, {"state", run.state}, {"detail", run.detail}});
    }
    return {{"version", document_version},
            {"title", options.title.empty() ? common_title(files) : options.title},
            {"made",
             {{"by", fmt::format("comq {}", version_line())},
              {"utc", utc_now()},
              {"command", options.command}}},
            {"dimensions", std::move(keys)},
            {"figures", figures_list(files)},
            {"layer_columns", layer_columns()},
            {"differences", differences_list(files)},
            {"runs", std::move(parts)},
            {"unfinished", std::move(unfinished)},
            {"thumbnails", thumbnails.urls()}};
}

}  // namespace comq
