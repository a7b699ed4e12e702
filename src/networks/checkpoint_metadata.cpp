#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/errors.hpp"
#include "networks/programs/json_fields.hpp"
#include "networks/recipe.hpp"
#include "storage/mapped_file.hpp"

namespace comq {

namespace {

using Json = nlohmann::json;

constexpr int largest_length = 4096;

/** The document of a file that is there, of a size that such files have; else null. */
Json document_of(const std::filesystem::path& file) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored)) return nullptr;
    constexpr std::uintmax_t most_bytes = 10'000'000;
    if (std::filesystem::file_size(file, ignored) > most_bytes) return nullptr;
    // The callback keeps hostile nesting out of the document.
    const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= 8; };
    Json document = Json::parse(map_file(file).text(), shallow, false);
    if (document.is_discarded() || !document.is_object()) {
        throw InputError("{}: not valid JSON (download it again, or take it away)", file.string());
    }
    return document;
}

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& what) {
    throw InputError(
        "{}: {}; give model.preprocessing's keys and name the file of the weights alone, in a "
        "folder without {}",
        file.string(), what, file.filename().string());
}

int length_of(const Json& value) {
    const int64_t length = integer_of(value);
    if (length < 1 || length > largest_length) {
        throw std::range_error(fmt::format("a length of {} pixels", length));
    }
    return static_cast<int>(length);
}

/** `read`, with what is missing or of another type in `file` as an InputError. */
template <typename Read>
void reading(const std::filesystem::path& file, const Read& read) {
    try {
        read();
    } catch (const Json::exception& error) {
        refuse(file, error.what());
    } catch (const std::range_error& error) {
        refuse(file, error.what());
    }
}

CheckpointMetadata of_timm(const Json& config, const std::filesystem::path& file) {
    CheckpointMetadata metadata{file, config.value("architecture", ""), {}};
    // Before timm 0.8 its fields stood in the document itself.
    const Json& published = config.contains("pretrained_cfg") ? config["pretrained_cfg"] : config;
    if (const std::string tag = published.value("tag", ""); !tag.empty())
        metadata.name += "." + tag;
    PreprocessingConfig& recipe = metadata.preprocessing;
    if (published.contains("input_size")) {
        const Json& size = published["input_size"];
        recipe.input_size = length_of(size.at(size.size() - 1));
        if (size.size() > 1 && size.at(size.size() - 2) != size.at(size.size() - 1)) {
            refuse(file, "its images are not square: " + size.dump());
        }
    }
    if (published.contains("crop_pct")) recipe.crop_pct = published["crop_pct"].get<double>();
    const std::string mode = published.value("crop_mode", "center");
    if (mode != "center" && mode != "squash") {
        refuse(file, fmt::format("crop_mode '{}' is not known here", mode));
    }
    recipe.resize_mode = mode == "squash" ? ResizeMode::squash : ResizeMode::shortest;
    if (published.contains("interpolation")) {
        recipe.interpolation =
            interpolation_named(published["interpolation"].get<std::string>(), file.string());
    }
    if (published.contains("mean")) recipe.mean = colours_of(published["mean"]);
    if (published.contains("std")) recipe.std = colours_of(published["std"]);
    return metadata;
}

/**
 * The epsilon of a ViT's, DeiT's or Swin's LayerNorms by transformers' config.json, and none where
 * it is about another network. It and the activation are what changes such a network but no tensor.
 */
std::optional<double> norm_eps_of(const Json& config, const std::filesystem::path& file) {
    const std::string type = config.value("model_type", "");
    const bool is_swin = type == "swin";
    if (type != "vit" && type != "deit" && !is_swin) return std::nullopt;
    const std::string activation = config.value("hidden_act", "gelu");
    if (activation != "gelu") {
        refuse(file, fmt::format("hidden_act '{}' is not that of the network", activation));
    }
    // The defaults are those of ViTConfig, DeiTConfig and SwinConfig.
    constexpr double swin_eps = 1e-5;
    const double eps = config.value("layer_norm_eps", is_swin ? swin_eps : 1e-12);
    // Some norms of its Swin have the epsilon of the config, others always this one.
    if (!(eps > 0.0 && eps < 1.0) || (is_swin && eps != swin_eps)) {
        refuse(file, fmt::format("layer_norm_eps {} is not that of the network", eps));
    }
    return eps;
}

/** What transformers' image processors do, of those that classification has. */
PreprocessingConfig of_processor(const Json& processor, const std::filesystem::path& file) {
    PreprocessingConfig recipe;
    constexpr int64_t bilinear = 2;
    constexpr int64_t bicubic = 3;
    const std::string kind =
        processor.value("image_processor_type", processor.value("feature_extractor_type", ""));
    const int64_t filter =
        processor.value("resample", kind.starts_with("ViT") ? bilinear : bicubic);
    if (filter != bilinear && filter != bicubic) {
        refuse(file,
               fmt::format("resample {} is not known here (2: bilinear, 3: bicubic)", filter));
    }
    recipe.interpolation = filter == bicubic ? Interpolation::bicubic : Interpolation::bilinear;
    const Json size = processor.value("size", Json(224));
    const bool by_shorter_side = size.is_object() && size.contains("shortest_edge");
    const Json& side = by_shorter_side    ? size["shortest_edge"]
                       : size.is_object() ? size.at("height")
                                          : size;
    const int length = length_of(side);
    if (size.is_object() && !by_shorter_side && size.at("width") != side) {
        refuse(file, "its images are not square");
    }
    recipe.resize_mode = by_shorter_side ? ResizeMode::shortest : ResizeMode::squash;
    recipe.resize = processor.value("do_resize", true) ? length : 0;
    recipe.crop = length;
    constexpr int squashed_from = 384;  // ConvNextImageProcessor crops smaller images only
    if (kind.starts_with("ConvNext")) {
        recipe.resize_mode = length < squashed_from ? ResizeMode::shortest : ResizeMode::squash;
        if (length < squashed_from) {
            recipe.resize = static_cast<int>(length / processor.value("crop_pct", 224.0 / 256.0));
        }
    } else if (processor.value("do_center_crop", false)) {
        const Json crop = processor.value("crop_size", Json(length));
        recipe.crop = length_of(crop.is_object() ? crop.at("height") : crop);
    } else if (by_shorter_side) {
        refuse(file, "it resizes the shorter side and crops nothing, so its images differ in size");
    }
    if (processor.value("do_rescale", true)) {
        const double factor = processor.value("rescale_factor", 1.0 / 255.0);
        if (std::abs(factor * 255.0 - 1.0) > 1e-6) {
            refuse(file, fmt::format("rescale_factor {} is not 1/255", factor));
        }
    }
    if (processor.value("do_normalize", true)) {
        recipe.mean = colours_of(processor.value("image_mean", Json{0.5, 0.5, 0.5}));
        recipe.std = colours_of(processor.value("image_std", Json{0.5, 0.5, 0.5}));
    } else {
        recipe.mean = {0.0F, 0.0F, 0.0F};
        recipe.std = {1.0F, 1.0F, 1.0F};
    }
    return recipe;
}

}  // namespace

std::array<float, 3> colours_of(const Json& list) {
    if (list.size() != 3) throw std::range_error("mean and std of other than 3 colours");
    return {list.at(0).get<float>(), list.at(1).get<float>(), list.at(2).get<float>()};
}

std::optional<CheckpointMetadata> read_checkpoint_metadata(const std::filesystem::path& path) {
    std::error_code ignored;
    const bool is_folder = std::filesystem::is_directory(path, ignored);
    // Beside a file of another name a config.json may be anything's.
    const std::string name = path.filename().string();
    const bool is_theirs =
        name.starts_with("model.safetensors") || name.starts_with("pytorch_model.bin");
    if (!is_folder && !is_theirs) return std::nullopt;
    const auto folder = is_folder ? path : path.parent_path();
    std::optional<CheckpointMetadata> metadata;
    const std::filesystem::path config_file = folder / "config.json";
    if (const Json config = document_of(config_file); !config.is_null()) {
        reading(config_file, [&] {
            const bool of_the_library =
                config.contains("architecture") &&
                (config.contains("pretrained_cfg") || config.contains("interpolation"));
            if (of_the_library) metadata = of_timm(config, config_file);
            if (const auto eps = norm_eps_of(config, config_file)) {
                metadata = CheckpointMetadata{config_file, {}, {}, eps};
            }
        });
    }
    if (metadata && is_given(metadata->preprocessing)) return metadata;
    const std::filesystem::path processor_file = folder / "preprocessor_config.json";
    if (const Json processor = document_of(processor_file); !processor.is_null()) {
        reading(processor_file, [&] {
            const auto norm_eps = metadata ? metadata->norm_eps : std::nullopt;
            metadata = CheckpointMetadata{
                processor_file, {}, of_processor(processor, processor_file), norm_eps};
        });
    }
    return metadata;
}

}  // namespace comq
