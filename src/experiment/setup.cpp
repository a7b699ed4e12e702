#include "experiment/setup.hpp"

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/paths.hpp"
#include "core/threads.hpp"
#include "core/version.hpp"
#include "experiment/statistics_cache.hpp"
#include "experiment_config/config_text.hpp"
#include "networks/load.hpp"
#include "torch_bridge/runtime.hpp"
#include "weights/checkpoint.hpp"

namespace comq {

namespace {

std::filesystem::path checkpoint_of(const ModelConfig& config,
                                    const ModelDescription& description) {
    if (!config.weights.empty()) return config.weights;
    if (description.data_set == "demo") {
        return data_folder() / "datasets" / "demo" / (description.name + ".safetensors");
    }
    throw UsageError(
        "model.weights: no checkpoint is named for {}; get one with "
        "scripts/fetch_weights.sh {}, or try scripts/run_demo.sh, which needs none",
        description.name, description.name);
}

std::string digest_of(std::initializer_list<std::string> parts) {
    Sha256 hash;
    for (const auto& part : parts) hash.update(part).update(std::string_view("\0", 1));
    return hash.hex_digest();
}

/**
 * What the statistics of layers depend on. Keys that are not known to change only what comes later
 * are part of it, the seed of augmentation and sampled rows too; those that choose images are
 * replaced by the images themselves.
 */
std::string statistics_origin(const ExperimentConfig& config, const LoadedModel& model,
                              const std::map<std::string, std::string>& content) {
    std::string text =
        fmt::format("layer statistics {} of build {}\n", statistics_version, build_commit());
    text += identity_text(config, [](const std::string& key) {
        const bool later = key.starts_with("quantization.") || key.starts_with("activations.") ||
                           key.starts_with("evaluation.") ||
                           (key.starts_with("repair.") && key != "repair.fold_batch_norm");
        return !later && key != "calibration.images" && key != "calibration.selection" &&
               key != "calibration.holdout";
    });
    text += fmt::format("preprocessing: {}\n", model.description->preprocessing.describe());
    for (const auto& [name, digest] : content) {
        if (name != "evaluation images") text += fmt::format("{}: {}\n", name, digest);
    }
    return text;
}

}  // namespace

LoadedModel load_model(const ModelConfig& config, torch::Device device) {
    LoadedModel model;
    model.description = &find_model(config.name);
    model.checkpoint = checkpoint_of(config, *model.description);
    model.checkpoint_sha256 = checkpoint_sha256(model.checkpoint);
    if (!config.sha256.empty() && config.sha256 != model.checkpoint_sha256) {
        throw InputError(
            "{}: its SHA-256 is {}, but model.sha256 says {}; fetch the file again or "
            "correct the key",
            model.checkpoint.string(), model.checkpoint_sha256, config.sha256);
    }
    model.network = model.description->make();
    load_parameters(*model.network,
                    canonical_tensors(read_checkpoint(model.checkpoint), model.description->family,
                                      model.checkpoint.string()),
                    model.checkpoint.string());
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
    return images;
}

FisherWeighting fisher_weighting(const ExperimentConfig& config) {
    return {config.calibration.weighting_power, config.calibration.weighting_share, config.seed};
}

RunKeys run_keys(const ExperimentConfig& config, const LoadedModel& model,
                 const RunImages& images) {
    RunKeys keys;
    keys.evaluation_images = source_identity(*images.evaluation_source, images.evaluation);
    keys.evaluation_count = images.evaluation.size();
    auto& content = keys.identity.content;
    content["checkpoint"] = model.checkpoint_sha256;
    content["evaluation images"] = keys.evaluation_images;
    if (images.calibration_source) {
        content["calibration images"] =
            source_identity(*images.calibration_source, images.calibration.fitted);
        content["held-out images"] =
            source_identity(*images.calibration_source, images.calibration.held_out);
    }
    content["LibTorch and instruction set"] =
        torch_version() + " " + torch_cpu_capability() + " " + config.device;

    keys.identity.config = identity_text(config);
    std::string all = keys.identity.config;
    for (const auto& [name, digest] : content) all += fmt::format("{}: {}\n", name, digest);
    keys.identity.digest = sha256_hex(all);
    keys.identity.program = build_commit();

    keys.full_precision =
        digest_of({"full-precision predictions 1", std::string(build_commit()),
                   model.description->name, model.checkpoint_sha256, keys.evaluation_images,
                   model.description->preprocessing.describe(),
                   fmt::format("{}", config.evaluation.batch_size),
                   content.at("LibTorch and instruction set")});
    keys.statistics = statistics_origin(config, model, content);
    return keys;
}

}  // namespace comq
