#include "networks/open_model.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "networks/canonical_tensors.hpp"
#include "networks/families/families.hpp"
#include "networks/families/position_embedding.hpp"
#include "networks/published_checkpoints.hpp"
#include "networks/publisher_prefixes.hpp"
#include "networks/recipe.hpp"
#include "weights/checkpoint.hpp"

namespace comq {

namespace {

/** What model.name means. */
struct Named {
    const ModelDescription* model;
    const PublishedCheckpoint* published;  ///< null: the one that the family's numbers belong to
};

Named named(const std::string& name) {
    if (const auto* model = registered_model(name)) return {model, nullptr};
    if (const auto* published = find_published(name)) {
        return {&find_model(published->model), published};
    }
    return {&find_model(without_publisher(name)), nullptr};
}

Recipe recipe_of(const ModelDescription& model) {
    return {model.preprocessing, {}, "of " + model.checkpoint};
}

Recipe recipe_of(const PublishedCheckpoint& published, const ModelDescription& model) {
    Recipe recipe = changed(recipe_of(model), published.preprocessing);
    recipe.origin = "of " + published.name;
    return recipe;
}

bool has_names_of_timm(const TensorMap& tensors) {
    return std::ranges::any_of(tensors, [](const auto& entry) {
        return entry.first.ends_with("conv_stem.weight") &&
               !entry.first.ends_with("_conv_stem.weight");
    });
}

/** Settles a network's description step by step. */
class Settling {
  public:
    Settling(const ModelConfig& config, const Named& by_name)
        : config_(config), description_(*by_name.model), recipe_(recipe_of(description_)) {
        if (by_name.published != nullptr) take(*by_name.published);
        identified_ = by_name.published != nullptr;
    }

    const ModelDescription& description() const { return description_; }

    /** The file is that of `known`, by its digest or its metadata. */
    void recognise(const PublishedCheckpoint& known, const std::string& file) {
        const ModelDescription& model = find_model(known.model);
        const bool same_network = model.name == description_.name;
        if (!same_network || (identified_ && known.name != description_.checkpoint)) {
            spdlog::warn(
                "{}: the checkpoint is known as {}, not {}; images are prepared as for it{}", file,
                known.name, identified_ ? description_.checkpoint : config_.name,
                same_network ? "" : fmt::format(" (model.name={})", known.name));
        }
        // Of networks with equal tensors the file says which it is; others must fit or fail.
        const bool are_twins = !model.twins.empty() && model.twins == description_.twins;
        if (!same_network && are_twins) description_ = model;
        take(known);
        identified_ = true;
    }

    void take_metadata(const CheckpointMetadata& metadata) {
        if (is_given(metadata.preprocessing)) {
            recipe_ = changed(recipe_, metadata.preprocessing);
            recipe_.origin = "of " + short_path(metadata.file).string();
        }
        const std::optional<double> usual = find_family(description_.family)->norm_eps;
        if (usual && metadata.norm_eps && metadata.norm_eps != usual) {
            description_.norm_eps = metadata.norm_eps;
            spdlog::info("{}: the epsilon of its LayerNorms is {}, not {}: its config.json says so",
                         short_path(metadata.file.parent_path()).string(), *metadata.norm_eps,
                         *usual);
        }
    }

    void refuse_twins(const TensorMap& published_names, const std::string& file) const {
        if (identified_ || !description_.ambiguous || !has_names_of_timm(published_names)) return;
        throw InputError(
            "{}: networks with these tensors differ in what they compute, and nothing says which "
            "one the file is for; set model.name to one of {}",
            file, description_.twins);
    }

    /** The number of classes and the size that canonical tensors are for. */
    void read_size(const TensorMap& tensors) {
        const ModelFamily* family = find_family(description_.family);
        const auto head = tensors.find(family->classifier + ".weight");
        if (head != tensors.end() && !head->second.shape.empty() && head->second.shape[0] > 1) {
            const auto classes = static_cast<int>(head->second.shape[0]);
            if (classes != description_.classes) description_.expected_top1.reset();
            description_.classes = classes;
        }
        if (family->read_size == nullptr) return;
        NetworkSize size{.image_size = 0};
        family->read_size(tensors, size);
        description_.window = size.window;
        image_size_ = static_cast<int>(size.image_size);
        multiple_of_ = static_cast<int>(size.multiple_of);
    }

    /** The preprocessing, the config's wishes last. */
    ModelDescription finish() {
        const PreprocessingConfig& given = config_.preprocessing;
        const bool size_given = given.crop || given.input_size;
        const int crop = recipe_.preprocessing.crop;
        const int needed = image_size_ > 0           ? image_size_
                           : crop % multiple_of_ > 0 ? multiple_of_
                                                     : crop;
        if (needed != crop) {
            recipe_ = changed(recipe_, {.input_size = needed});
            recipe_.origin += fmt::format(", at the {} pixels that its tensors are for", needed);
            description_.expected_top1.reset();
        }
        const Preprocessing published = recipe_.preprocessing;
        recipe_ = changed(recipe_, given);
        if (recipe_.preprocessing != published) recipe_.origin += " and the keys given";
        const int size = recipe_.preprocessing.crop;
        if (size_given && image_size_ > 0 && size != image_size_ && !config_.resample_positions) {
            throw UsageError(
                "model.preprocessing: the position embedding of {} is for images of {} × {} "
                "pixels, not {}; set model.preprocessing.input_size={}, or "
                "model.resample_positions=true to interpolate it",
                config_.weights.string(), image_size_, image_size_, size, image_size_);
        }
        description_.preprocessing = recipe_.preprocessing;
        description_.preprocessing_origin = recipe_.origin;
        return description_;
    }

    bool resamples() const {
        return image_size_ > 0 && description_.preprocessing.crop != image_size_;
    }
    ModelDescription& result() { return description_; }

  private:
    void take(const PublishedCheckpoint& published) {
        recipe_ = recipe_of(published, description_);
        description_.checkpoint = published.name;
        description_.source = published.source;
        description_.expected_top1 = published.top1;
    }

    const ModelConfig& config_;
    ModelDescription description_;
    Recipe recipe_;
    bool identified_ = false;  ///< whether a certain checkpoint is meant, not only a network
    int image_size_ = 0;       ///< that the tensors are for; 0: any multiple of the next
    int multiple_of_ = 1;
};

}  // namespace

std::filesystem::path checkpoint_path(const ModelConfig& config) {
    if (!config.weights.empty()) return config.weights;
    const ModelDescription& model = *named(config.name).model;
    if (model.data_set != "demo") return {};
    return data_folder() / "datasets" / "demo" / (model.name + ".safetensors");
}

ModelDescription describe_published(const ModelConfig& config) {
    return Settling(config, named(config.name)).finish();
}

ModelWithWeights open_model(const ModelConfig& config) {
    const Named by_name = named(config.name);
    const std::filesystem::path path = checkpoint_path(config);
    if (path.empty()) {
        throw UsageError(
            "model.weights: no checkpoint is named for {}; get one with "
            "scripts/fetch_weights.sh {}, or try scripts/run_demo.sh, which needs none",
            config.name, by_name.model->name);
    }
    ModelWithWeights model{.checkpoint = checkpoint_file(path)};
    const std::string file = model.checkpoint.string();
    model.sha256 = checkpoint_sha256(model.checkpoint);
    TensorMap tensors = read_checkpoint(model.checkpoint, config.state_dict);

    Settling settling(config, by_name);
    const auto metadata = read_checkpoint_metadata(path);
    const auto* known = published_with_digest(model.sha256);
    if (known == nullptr && metadata && !metadata->name.empty()) {
        known = find_published("timm/" + metadata->name);
    }
    if (known != nullptr) settling.recognise(*known, file);
    if (metadata) settling.take_metadata(*metadata);
    settling.refuse_twins(tensors, file);
    model.tensors = canonical_tensors(std::move(tensors), settling.description().family, file);
    settling.read_size(model.tensors);
    settling.finish();
    if (settling.resamples()) {
        settling.result().resampled_positions =
            resample_positions(model.tensors, settling.description().preprocessing.crop);
        spdlog::warn("{}: its position embedding is interpolated {}", file,
                     settling.description().resampled_positions);
    }
    model.description = std::make_shared<const ModelDescription>(settling.description());
    return model;
}

}  // namespace comq
