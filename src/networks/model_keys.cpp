#include "networks/model_keys.hpp"

#include "networks/publisher_prefixes.hpp"

namespace comq {

namespace {

bool is_sha256(const std::string& digest) {
    return digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/** One number for each colour. */
ValueType<std::array<float, 3>> colours() {
    static constexpr const char* description = "list of 3 numbers, for red, green and blue";
    ValueType<std::array<float, 3>> result;
    result.description = description;
    result.form = ValueForm::tree;
    result.read = [](const YamlNode& node, const std::string& key, std::array<float, 3>& value,
                     ConfigProblems& problems) {
        std::array<float, 3> read{};
        bool fits = node.kind == YamlNode::Kind::list && node.items.size() == read.size();
        for (std::size_t i = 0; fits && i < read.size(); ++i) {
            const auto number = parse_number<float>(node.items[i].scalar);
            fits = number.has_value();
            read[i] = number.value_or(0.0F);
        }
        if (fits) {
            value = read;
        } else {
            problems.add(node.position, key,
                         fmt::format("expected a {}, not {}", description, node.describe()));
        }
    };
    result.print = [](const std::array<float, 3>& value) {
        return fmt::format("[{}, {}, {}]", value[0], value[1], value[2]);
    };
    return result;
}

/** A name among `models`, a publisher in front of it or not; any if there are none. */
ValueType<std::string> model_name(const std::vector<std::string>& models) {
    ValueType<std::string> result = name_of("model", models);
    if (models.empty()) return result;
    constexpr std::size_t most_listed = 8;
    if (models.size() > most_listed) {
        result.description = "name of a model or of a checkpoint of timm or torchvision";
    }
    result.read = [read = result.read](const YamlNode& node, const std::string& key,
                                       std::string& value, ConfigProblems& problems) {
        YamlNode bare = node;
        bare.scalar = without_publisher(node.scalar);
        std::string checked;
        read(bare, key, checked, problems);
        if (!checked.empty()) value = node.scalar;
    };
    return result;
}

Schema<PreprocessingConfig, RunKey> preprocessing_keys() {
    using enum Effect;
    constexpr int largest = 4096;
    Schema<PreprocessingConfig, RunKey> keys;
    keys.add({.key = "resize",
              .affects = full_precision | statistics,
              .meaning = "Length to which the shorter side of an image is resized, or both sides "
                         "(resize_mode); 0: not at all. null: as the network's publisher does.",
              .unit = "pixels"},
             &PreprocessingConfig::resize, optional(integer<int>(0, largest)));
    keys.add({.key = "crop_pct",
              .affects = full_precision | statistics,
              .meaning = "The same as timm has it: resize is crop / crop_pct, rounded down. null: "
                         "resize says it, or the publisher."},
             &PreprocessingConfig::crop_pct, optional(number(0.1, 1.0)));
    keys.add({.key = "crop",
              .affects = full_precision | statistics,
              .meaning = "Sides of the square that is cut out of the middle and that the network "
                         "sees. null: as the publisher does.",
              .unit = "pixels"},
             &PreprocessingConfig::crop, optional(integer<int>(1, largest)));
    keys.add({.key = "input_size",
              .affects = full_precision | statistics,
              .meaning = "The same as crop, and resize keeps its proportion to it. null: as the "
                         "publisher does, or as the checkpoint's position embedding demands.",
              .unit = "pixels"},
             &PreprocessingConfig::input_size, optional(integer<int>(1, largest)));
    keys.add({.key = "resize_mode",
              .affects = full_precision | statistics,
              .meaning = "What becomes as long as resize says: the shorter side, or both sides, "
                         "whatever their proportion. null: as the publisher does."},
             &PreprocessingConfig::resize_mode,
             optional(choice<ResizeMode>(
                 {{"shortest", ResizeMode::shortest}, {"squash", ResizeMode::squash}})));
    keys.add({.key = "interpolation",
              .affects = full_precision | statistics,
              .meaning = "How images are resized, as Pillow does it. null: as the publisher does."},
             &PreprocessingConfig::interpolation,
             optional(choice<Interpolation>(
                 {{"bilinear", Interpolation::bilinear}, {"bicubic", Interpolation::bicubic}})));
    keys.add({.key = "mean",
              .affects = full_precision | statistics,
              .meaning = "What is taken off the colours, which go from 0 to 1. null: as the "
                         "publisher does."},
             &PreprocessingConfig::mean, optional(colours()));
    keys.add({.key = "std",
              .affects = full_precision | statistics,
              .meaning = "What the colours are divided by after that. null: as the publisher "
                         "does."},
             &PreprocessingConfig::std, optional(colours()));
    return keys;
}

}  // namespace

Schema<ModelConfig, RunKey> model_keys(const std::vector<std::string>& models) {
    using enum Effect;
    Schema<ModelConfig, RunKey> keys;
    keys.add({.key = "name",
              .affects = full_precision | statistics,
              .meaning = "Architecture, by its name in the model registry "
                         "(run_experiment --list-models), or a checkpoint as timm or torchvision "
                         "call it, timm/resnet50.a1_in1k; null: model.program is the network."},
             &ModelConfig::name, or_null(model_name(models)));
    keys.add({.key = "program",
              .affects = location | full_precision | statistics,
              .meaning = "Any other network: a .pt2 file of torch.export.save, which "
                         "scripts/export_network.py writes; a relative path starts at the working "
                         "directory. null: model.name is the network."},
             &ModelConfig::program, path());
    keys.add(
        {.key = "weights",
         .affects = location | full_precision | statistics,
         .meaning = "Checkpoint file, or a folder of Hugging Face with one (config.json beside "
                    "it is read); a relative path starts at the working directory. "
                    "null: the weights that come with a demo model, or those in "
                    "model.program."},
        &ModelConfig::weights, path());
    keys.add(
        {.key = "state_dict",
         .affects = full_precision | statistics,
         .meaning = "Which dictionary of tensors in the checkpoint is the network, by the keys "
                    "that lead to it, joined by dots (model_ema, state_dict.teacher). null: "
                    "averaged weights, else what training scripts call state_dict or model."},
        &ModelConfig::state_dict, or_null(text()));
    keys.add({.key = "resample_positions",
              .affects = full_precision | statistics,
              .meaning = "Whether the position embedding of a transformer is interpolated to "
                         "images of another size than it is for; the result is marked."},
             &ModelConfig::resample_positions, boolean());
    keys.add({.key = "sha256",
              .affects = location | full_precision | statistics,
              .meaning = "Digest the checkpoint must have; null: any, the one found is recorded."},
             &ModelConfig::sha256,
             or_null(text_where("64 lower-case hexadecimal digits", is_sha256)));
    keys.add_section("preprocessing", &ModelConfig::preprocessing, preprocessing_keys());
    return keys;
}

}  // namespace comq
