#include "experiment_config/experiment_schema.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "activations/activation_keys.hpp"
#include "calibration/calibration_keys.hpp"
#include "data/data_keys.hpp"
#include "evaluation/evaluation_keys.hpp"
#include "networks/model_keys.hpp"
#include "quantization/quantization_keys.hpp"
#include "repair/repair_keys.hpp"

namespace comq {

namespace {

using Config = ExperimentConfig;

bool is_device(const std::string& name) {
    if (name == "cpu" || name == "cuda") return true;
    const auto index = name.starts_with("cuda:") ? parse_number<int>(name.substr(5)) : std::nullopt;
    return index && *index >= 0;
}

/** Which presets set `key`, and to what: the end of its meaning. */
std::string preset_note(const std::string& key) {
    std::string note;
    for (const auto& preset : presets()) {
        ConfigProblems problems;
        const auto document = parse_yaml(preset.yaml, "preset " + preset.name, problems);
        problems.throw_if_any();
        const YamlNode* node = &*document;
        for (std::size_t start = 0; node != nullptr && start <= key.size();) {
            const std::size_t dot = std::min(key.find('.', start), key.size());
            node = node->find(key.substr(start, dot - start));
            start = dot + 1;
        }
        if (node == nullptr) continue;
        note += fmt::format("{}{} with preset {}", note.empty() ? " Set to " : ", ", node->scalar,
                            preset.name);
    }
    return note.empty() ? "" : note + ".";
}

Schema<ResourcesConfig> resources_keys() {
    Schema<ResourcesConfig> keys;
    keys.add({.key = "threads",
              .key_class = KeyClass::resource,
              .meaning = "Threads of the run; all: as many as the process may use cores."},
             &ResourcesConfig::threads, count_or_all<int>());
    keys.add({.key = "memory",
              .key_class = KeyClass::resource,
              .meaning = "Memory the run may plan with."},
             &ResourcesConfig::memory_bytes, byte_size(64'000'000));
    keys.add({.key = "cache",
              .key_class = KeyClass::location,
              .meaning = "Folder of what later runs can use again: full-precision predictions and "
                         "the statistics of layers; null: nothing is kept."},
             &ResourcesConfig::cache, path());
    keys.add({.key = "cache_limit",
              .key_class = KeyClass::resource,
              .meaning = "Size of the cache beyond which its oldest files are removed."},
             &ResourcesConfig::cache_limit_bytes, byte_size(0));
    return keys;
}

Schema<OutputConfig> output_keys() {
    Schema<OutputConfig> keys;
    keys.add({.key = "file",
              .key_class = KeyClass::location,
              .meaning = "HDF5 file of the results, described in results/README.md; null: "
                         "results/NAME.h5, NAME being that of the config file and what the "
                         "command line changes of the numbers, like demo_vit_4bit-bits3."},
             &OutputConfig::file, path());
    return keys;
}

}  // namespace

const std::vector<PresetValues>& presets() {
    static const std::vector<PresetValues> values = {
        {Preset::authors_code, "authors_code",
         "calibration: {inputs: full_precision}\n"
         "quantization: {order: greedy, sweeps: 1, scale_update: none}\n"},
        {Preset::paper, "paper",
         "calibration: {inputs: full_precision}\n"
         "quantization: {order: greedy, sweeps: 4, scale_update: closed_form}\n"},
    };
    return values;
}

Schema<ExperimentConfig> experiment_schema(const KnownNames& known) {
    Schema<Config> schema;
    schema.add({.key = "seed",
                .meaning = "Seed of every random draw but the choice of evaluation images; draws "
                           "for different purposes are independent of one another."},
               &Config::seed, integer<uint64_t>(0));
    schema.add(
        {.key = "device", .meaning = "Where networks run: cpu, cuda, or cuda:N for GPU number N."},
        &Config::device, text_where("cpu | cuda | cuda:N", is_device));
    schema.add_section("model", &Config::model, model_keys(known.models));
    schema.add_section("data", &Config::data, data_keys(known.layouts));
    schema.add_section("calibration", &Config::calibration, calibration_keys());
    schema.add_section("quantization", &Config::quantization, quantization_keys(known.methods));
    schema.add_section("activations", &Config::activations, activation_keys());
    schema.add_section("repair", &Config::repair, repair_keys());
    schema.add_section("evaluation", &Config::evaluation, evaluation_keys());
    schema.add_section("resources", &Config::resources, resources_keys());
    schema.add_section("output", &Config::output, output_keys());
    schema.extend_meanings([](const KeyInfo& info) { return preset_note(info.key); });
    return schema;
}

}  // namespace comq
