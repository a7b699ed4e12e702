#include "networks/model_keys.hpp"

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

Schema<PreprocessingConfig, RunKey> preprocessing_keys() {
    using enum Effect;
    constexpr int largest = 4096;
    Schema<PreprocessingConfig, RunKey> keys;
    keys.add({.key = "resize",
              .affects = full_precision | statistics,
              .meaning = "Length to which the shorter side of an image is resized; 0: not at all. "
                         "null: as the network's publisher does.",
              .unit = "pixels"},
             &PreprocessingConfig::resize, optional(integer<int>(0, largest)));
    keys.add({.key = "crop",
              .affects = full_precision | statistics,
              .meaning = "Sides of the square that is cut out of the middle and that the network "
                         "sees. null: as the publisher does.",
              .unit = "pixels"},
             &PreprocessingConfig::crop, optional(integer<int>(1, largest)));
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
                         "(run_experiment --list-models); null: model.program is the network."},
             &ModelConfig::name, or_null(name_of("model", models)));
    keys.add({.key = "program",
              .affects = location | full_precision | statistics,
              .meaning = "Any other network: a .pt2 file of torch.export.save, which "
                         "scripts/export_network.py writes; a relative path starts at the working "
                         "directory. null: model.name is the network."},
             &ModelConfig::program, path());
    keys.add({.key = "weights",
              .affects = location | full_precision | statistics,
              .meaning = "Checkpoint file; a relative path starts at the working directory. "
                         "null: the weights that come with a demo model, or those in "
                         "model.program."},
             &ModelConfig::weights, path());
    keys.add({.key = "sha256",
              .affects = location | full_precision | statistics,
              .meaning = "Digest the checkpoint must have; null: any, the one found is recorded."},
             &ModelConfig::sha256,
             or_null(text_where("64 lower-case hexadecimal digits", is_sha256)));
    keys.add_section("preprocessing", &ModelConfig::preprocessing, preprocessing_keys());
    return keys;
}

}  // namespace comq
