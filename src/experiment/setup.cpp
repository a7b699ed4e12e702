#include "experiment/setup.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/threads.hpp"
#include "core/version.hpp"
#include "experiment/statistics_cache.hpp"
#include "experiment_config/config_text.hpp"
#include "networks/canonical_tensors.hpp"
#include "networks/load.hpp"
#include "networks/open_model.hpp"
#include "torch_bridge/runtime.hpp"
#include "weights/checkpoint.hpp"

namespace comq {

namespace {

/** Something a run reads beside its keys. */
struct RunContent {
    std::string name;
    std::string digest;  ///< empty: the run has none of it
    Affects affects;
};

constexpr const char* evaluation_images_name = "evaluation images";
constexpr const char* valid_classes_name = "valid classes";

std::string digest_of_classes(const std::vector<int64_t>& valid) {
    return valid.empty() ? "" : sha256_hex(fmt::format("{}", fmt::join(valid, " ")));
}

std::vector<RunContent> content_of(const ExperimentConfig& config, const LoadedModel& model,
                                   const RunImages& images) {
    using enum Effect;
    constexpr Affects every_number = full_precision | statistics | solution | repair | evaluation;
    std::vector<RunContent> content{
        {"checkpoint", model.checkpoint_sha256, full_precision | statistics},
        {evaluation_images_name, source_identity(*images.evaluation_source, images.evaluation),
         evaluation_images},
        {machine_content,
         torch_version() + " " + torch_cpu_capability() + " " + config.device, every_number},
        {valid_classes_name, digest_of_classes(images.evaluation_source->valid_classes()),
         evaluation_images}};
    // What a family does is the program's; what a file beside the weights says is not.
    if (config.model.program.empty() &&
        model.description->preprocessing != describe_published(config.model).preprocessing) {
        content.push_back({"preprocessing", model.description->preprocessing.describe(),
                           full_precision | statistics});
    }
    if (const auto eps = model.description->norm_eps) {
        content.push_back(
            {"LayerNorm epsilon", fmt::format("{}", *eps), full_precision | statistics});
    }
    if (!model.program_sha256.empty()) {
        content.push_back({"program", model.program_sha256, full_precision | statistics});
    }
    if (images.calibration_source) {
        content.push_back({"calibration images",
                           source_identity(*images.calibration_source, images.calibration.fitted),
                           calibration_images});
        content.push_back({"held-out images",
                           source_identity(*images.calibration_source, images.calibration.held_out),
                           calibration_images});
    }
    for (const auto& [name, source, indices] : images.sets) {
        content.push_back({fmt::format("{} of {}", evaluation_images_name, name),
                           source_identity(*source, indices), evaluation});
        content.push_back({fmt::format("{} of {}", valid_classes_name, name),
                           digest_of_classes(source->valid_classes()), evaluation});
    }
    return content;
}

/** The content of a run whose evaluation images are those of the set `name`. */
std::vector<RunContent> with_images_of(const std::string& name, std::vector<RunContent> content) {
    for (const char* what : {evaluation_images_name, valid_classes_name}) {
        const auto of_set =
            std::ranges::find(content, fmt::format("{} of {}", what, name), &RunContent::name);
        std::ranges::find(content, what, &RunContent::name)->digest = of_set->digest;
    }
    return content;
}

}  // namespace

LoadedModel load_model(const ModelConfig& config, torch::Device device) {
    LoadedModel model;
    TensorMap tensors;
    if (config.program.empty()) {
        ModelWithWeights opened = open_model(config);
        model.description = opened.description;
        model.checkpoint = opened.checkpoint;
        model.checkpoint_sha256 = opened.sha256;
        tensors = std::move(opened.tensors);
    } else {
        model.description = describe_model(config);
        model.checkpoint = config.weights.empty() ? config.program : config.weights;
        model.checkpoint_sha256 = checkpoint_sha256(model.checkpoint);
        if (!config.weights.empty()) model.program_sha256 = checkpoint_sha256(config.program);
        tensors = config.weights.empty() ? model.description->own_weights()
                                         : read_checkpoint(model.checkpoint, config.state_dict);
    }
    if (!config.sha256.empty() && config.sha256 != model.checkpoint_sha256) {
        throw InputError(
            "{}: its SHA-256 is {}, but model.sha256 says {}; fetch the file again or "
            "correct the key",
            model.checkpoint.string(), model.checkpoint_sha256, config.sha256);
    }
    model.network = model.description->make();
    const std::string file = model.checkpoint.string();
    if (!config.program.empty() && !config.weights.empty()) {
        tensors = tensors_named(std::move(tensors), checkpoint_names(*model.network), file);
    }
    if (!config.program.empty() && config.weights.empty()) {
        take_over_parameters(*model.network, tensors, file);
    } else {
        load_parameters(*model.network, tensors, file);
    }
    model.network->to(device);
    return model;
}

int resolved_threads(const ResourcesConfig& config) {
    return config.threads > 0 ? config.threads : available_cores();
}

RunImages open_images(const ExperimentConfig& config) {
    RunImages images;
    if (config.reads_calibration_images()) {
        images.calibration_source = open_image_source(config.data, Split::calibration);
        const CalibrationConfig& calibration = config.calibration;
        images.calibration = select_calibration_images(
            images.calibration_source->size(),
            {calibration.images, calibration.holdout, calibration.selection}, config.seed);
    }
    images.evaluation_source = open_image_source(config.data, Split::evaluation);
    images.evaluation =
        select_evaluation_images(images.evaluation_source->size(), config.evaluation.images);
    for (const EvaluationSet& set : config.evaluation.sets) images.sets.push_back(open_set(set));
    return images;
}

SetImages open_set(const EvaluationSet& set) {
    try {
        SetImages images{set.name, open_image_source(set.data, Split::evaluation), {}};
        images.indices = select_evaluation_images(images.source->size(), set.images);
        return images;
    } catch (const Error& error) {
        throw Error(error.exit_code(),
                    fmt::format("evaluation.sets, {}: {}", set.name, error.what()));
    }
}

std::vector<int64_t> select_repair_images(const ExperimentConfig& config, const RunImages& images) {
    if (!config.repair.images) return images.calibration.fitted;
    return select_other_images(images.calibration_source->size(), images.calibration.held_out,
                               *config.repair.images, Selection::random, config.seed, "repair",
                               "repair.images");
}

RowWeighting row_weighting(const ExperimentConfig& config) {
    const auto& calibration = config.calibration;
    return {calibration.weighting_power, calibration.weighting_share, config.seed,
            calibration.weighting_parts};
}

RunKeys run_keys(const ExperimentConfig& config, const LoadedModel& model, const RunImages& images,
                 const ExperimentSchema& schema) {
    const std::vector<RunContent> content = content_of(config, model, images);
    RunKeys keys;
    for (const auto& [name, digest, affects] : content) {
        if (!digest.empty()) keys.identity.content[name] = digest;
    }
    keys.evaluation_images = keys.identity.content.at(evaluation_images_name);
    keys.evaluation_count = images.evaluation.size();

    keys.identity.config = identity_text(
        config, [](const KeyInfo&) { return true; }, schema);
    std::string all = keys.identity.config;
    for (const auto& [name, digest] : keys.identity.content) {
        all += fmt::format("{}: {}\n", name, digest);
    }
    keys.identity.digest = sha256_hex(all);
    keys.identity.program = build_commit();

    // What a result depends on, a line each: the keys that affect it, the content that does, and
    // `images` themselves in place of the keys that choose them.
    const auto origin_of = [&](const std::string& what, const std::vector<RunContent>& read,
                               Affects effects, Effect images_of) {
        std::string text = fmt::format("{} of build {}\n", what, build_commit());
        text += identity_text(
            config, [&](const KeyInfo& key) { return key.affects.has_any(effects); }, schema);
        text += fmt::format("preprocessing: {}\n", model.description->preprocessing.describe());
        for (const auto& [name, digest, affects] : read) {
            if (!digest.empty() && (affects.has_any(effects) || affects.has(images_of))) {
                text += fmt::format("{}: {}\n", name, digest);
            }
        }
        return text;
    };
    using enum Effect;
    const auto predictions_of = [&](const std::vector<RunContent>& read) {
        return sha256_hex(
            origin_of("full-precision predictions 2", read, full_precision, evaluation_images));
    };
    keys.full_precision = predictions_of(content);
    for (const SetImages& set : images.sets) {
        const auto read = with_images_of(set.name, content);
        const auto of_set = std::ranges::find(read, evaluation_images_name, &RunContent::name);
        keys.sets.push_back({of_set->digest, predictions_of(read)});
    }
    keys.statistics = origin_of(fmt::format("layer statistics {}", statistics_version), content,
                                statistics, calibration_images);
    keys.solution = origin_of("solution", content, statistics | solution, calibration_images);
    return keys;
}

}  // namespace comq
