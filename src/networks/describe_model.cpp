#include "networks/describe_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "networks/open_model.hpp"
#include "networks/programs/archive.hpp"
#include "networks/programs/json_fields.hpp"
#include "networks/programs/program_network.hpp"
#include "networks/recipe.hpp"

namespace comq {

namespace {

/** What scripts/export_network.py puts beside the program. */
constexpr const char* notes_name = "comq.json";

struct Notes {
    PreprocessingConfig preprocessing;
    std::string checkpoint;
    std::string source;
    std::string license;
};

int pixels_of(const nlohmann::json& json) {
    const int64_t pixels = integer_of(json);
    if (pixels < 0 || pixels > 4096) throw std::range_error("a length beyond 4096 pixels");
    return static_cast<int>(pixels);
}

Notes read_notes(ProgramArchive& archive) {
    Notes notes;
    const auto text = archive.extra_file(notes_name);
    if (!text) return notes;
    const std::string source = fmt::format("{} ({})", archive.file(), notes_name);
    reading_json(source, [&] {
        const auto json = nlohmann::json::parse(*text);
        const auto given = json.value("preprocessing", nlohmann::json::object());
        auto& preprocessing = notes.preprocessing;
        if (given.contains("resize")) preprocessing.resize = pixels_of(given["resize"]);
        if (given.contains("crop")) preprocessing.crop = pixels_of(given["crop"]);
        if (given.contains("interpolation")) {
            preprocessing.interpolation =
                interpolation_named(given["interpolation"].get<std::string>(), source);
        }
        if (given.contains("mean")) preprocessing.mean = colours_of(given["mean"]);
        if (given.contains("std")) preprocessing.std = colours_of(given["std"]);
        notes.checkpoint = json.value("checkpoint", "");
        notes.source = json.value("source", "");
        notes.license = json.value("license", "");
    });
    return notes;
}

Recipe recipe_of(const PreprocessingConfig& config, PreprocessingConfig archived,
                 const Program& program) {
    const auto size = static_cast<int>(program.image_size());
    if (size > 0 && !archived.crop) archived.crop = size;
    std::vector<std::string> missing;
    const auto need = [&](const char* key, bool given) {
        if (!given) missing.push_back(fmt::format("model.preprocessing.{}", key));
    };
    need("resize", config.resize || config.crop_pct || archived.resize);
    need("crop", config.crop || config.input_size || archived.crop);
    need("interpolation", config.interpolation || archived.interpolation);
    need("mean", config.mean || archived.mean);
    need("std", config.std || archived.std);
    if (!missing.empty()) {
        throw UsageError(
            "model.program: {} does not say how its images are prepared; give {}, or export the "
            "network with scripts/export_network.py",
            program.graph.file, fmt::join(missing, ", "));
    }
    Recipe result = changed(changed({{}, {}, "of " + program.graph.file}, archived), config);
    if (is_given(config)) result.origin += " and the keys given";
    if (size > 0 && result.preprocessing.crop != size) {
        throw UsageError(
            "model.preprocessing.crop: the program of {} takes images of {} × {} pixels, not {}; "
            "export it for that size",
            program.graph.file, size, size, result.preprocessing.crop);
    }
    return result;
}

std::shared_ptr<const ModelDescription> describe_program(const ModelConfig& config) {
    ProgramArchive archive(config.program);
    const auto program = read_program(archive);
    if (program->classes() < 2) {
        throw InputError("{}: the program's logits have no fixed number of classes of 2 or more",
                         archive.file());
    }
    const Notes notes = read_notes(archive);
    const Recipe recipe = recipe_of(config.preprocessing, notes.preprocessing, *program);
    ModelDescription description{
        .name = config.program.stem().string(),
        .family = "program",
        .data_set = "",
        .classes = static_cast<int>(program->classes()),
        .preprocessing = recipe.preprocessing,
        .checkpoint = notes.checkpoint,
        .source = notes.source.empty() ? archive.file() : notes.source,
        .license = notes.license,
        .expected_top1 = {},
        .factory =
            [program](const NetworkSize&) { return std::make_shared<ProgramNetwork>(program); },
        .own_weights =
            [program, file = config.program] {
                ProgramArchive again(file, Mapping::copy_on_write);
                return program_tensors(*program, again);
            },
        .preprocessing_origin = recipe.origin};
    return std::make_shared<const ModelDescription>(std::move(description));
}

}  // namespace

std::shared_ptr<const ModelDescription> describe_model(const ModelConfig& config) {
    if (!config.program.empty()) return describe_program(config);
    std::error_code ignored;
    if (std::filesystem::exists(checkpoint_path(config), ignored)) {
        return open_model(config).description;
    }
    return std::make_shared<const ModelDescription>(describe_published(config));
}

}  // namespace comq
