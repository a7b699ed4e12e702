#include "experiment_config/experiment_schema.hpp"

#include <fmt/format.h>

#include <limits>
#include <map>
#include <mutex>

#include "activations/activation_keys.hpp"
#include "calibration/calibration_keys.hpp"
#include "core/threads.hpp"
#include "data/data_keys.hpp"
#include "evaluation/evaluation_keys.hpp"
#include "experiment_config/config_text.hpp"
#include "networks/model_keys.hpp"
#include "passes/sensitivity_keys.hpp"
#include "quantization/method.hpp"
#include "quantization/quantization_keys.hpp"
#include "repair/repair_keys.hpp"
#include "rotation/rotation_keys.hpp"

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
        const auto found = preset.values.find(key);
        if (found == preset.values.end()) continue;
        note += fmt::format("{}{} with preset {}", note.empty() ? " Set to " : ", ", found->second,
                            preset.name);
    }
    return note.empty() ? "" : note + ".";
}

/** What each method is. */
std::string method_note() {
    std::string note;
    for (const std::string& name : method_names()) {
        note += fmt::format(" {}: {}.", name, method_summary(name));
    }
    return note;
}

/** The methods that read the key, where it is for some of them only. */
std::vector<std::string> readers_of(const std::string& key) {
    const std::string section = "quantization.";
    if (!key.starts_with(section)) return {};
    auto methods = methods_that_read(key.substr(section.size()));
    if (methods.size() == method_names().size()) methods.clear();
    return methods;
}

Schema<ResourcesConfig, RunKey> resources_keys() {
    Schema<ResourcesConfig, RunKey> keys;
    keys.add({.key = "threads",
              .affects = Effect::resource,
              .meaning = "Threads of the run; all: as many as the process may use cores."},
             &ResourcesConfig::threads, count_or_all<int>(most_threads));
    keys.add(
        {.key = "memory", .affects = Effect::resource, .meaning = "Memory the run may plan with."},
        &ResourcesConfig::memory_bytes, byte_size(64'000'000));
    keys.add({.key = "cache",
              .affects = Effect::resource,
              .meaning = "Folder of what later runs can use again: full-precision predictions, "
                         "statistics of layers, codes on quantized inputs; null: nothing is "
                         "kept."},
             &ResourcesConfig::cache, path());
    keys.add({.key = "cache_limit",
              .affects = Effect::resource,
              .meaning = "Size of the cache beyond which its oldest files are removed."},
             &ResourcesConfig::cache_limit_bytes, byte_size(0));
    return keys;
}

Schema<OutputConfig, RunKey> output_keys() {
    Schema<OutputConfig, RunKey> keys;
    keys.add({.key = "file",
              .affects = Effect::resource,
              .meaning = "HDF5 file of the results, described in results/README.md; null: "
                         "results/NAME.h5, NAME being that of the config file and what the "
                         "command line changes of the numbers, like demo_vit_4bit-bits3."},
             &OutputConfig::file, path());
    return keys;
}

}  // namespace

const std::vector<PresetValues>& presets() {
    // Every schema that is made asks for each key's values.
    static const std::vector<PresetValues> all = [] {
        std::vector<PresetValues> values = {
            {Preset::authors_code,
             "authors_code",
             "calibration: {inputs: full_precision}\n"
             "quantization: {order: greedy, sweeps: 1, scale_update: none}\n",
             {}},
            {Preset::paper,
             "paper",
             "calibration: {inputs: full_precision}\n"
             "quantization: {order: greedy, sweeps: 4, scale_update: closed_form}\n",
             {}},
        };
        for (auto& preset : values) {
            preset.values = config_values(preset.yaml, "preset " + preset.name);
        }
        return values;
    }();
    return all;
}

namespace {

ExperimentSchema schema_with(const KnownNames& known) {
    using enum Effect;
    ExperimentSchema schema;
    schema.add({.key = "seed",
                .affects = calibration_images | statistics | repair,
                .meaning = "Seed of every random draw but the choice of evaluation images; draws "
                           "for different purposes are independent of one another."},
               &Config::seed,
               // Of the result file, whose integers are signed.
               integer<uint64_t>(0, std::numeric_limits<int64_t>::max()));
    schema.add({.key = "device",
                .affects = full_precision | statistics | solution | repair | evaluation,
                .meaning = "Where networks run: cpu, cuda, or cuda:N for GPU number N."},
               &Config::device, text_where("cpu | cuda | cuda:N", is_device));
    schema.add_section("model", &Config::model, model_keys(known.models));
    schema.add_section("data", &Config::data, data_keys(known.layouts));
    schema.add_section("calibration", &Config::calibration, calibration_keys());
    schema.add_section("quantization", &Config::quantization, quantization_keys(known.methods));
    schema.add_section("rotation", &Config::rotation, rotation_keys());
    schema.add_section("sensitivity", &Config::sensitivity, sensitivity_keys());
    schema.add_section("activations", &Config::activations, activation_keys());
    schema.add_section("repair", &Config::repair, repair_keys());
    schema.add_section("evaluation", &Config::evaluation, evaluation_keys(known.layouts));
    schema.add_section("resources", &Config::resources, resources_keys());
    schema.add_section("output", &Config::output, output_keys());
    schema.describe([](KeyInfo& info) {
        info.meaning += preset_note(info.key);
        if (info.key == "quantization.method") info.meaning += method_note();
        info.read_by = readers_of(info.key);
    });
    return schema;
}

}  // namespace

const ExperimentSchema& experiment_schema(const KnownNames& known) {
    static std::mutex mutex;
    static std::map<KnownNames, ExperimentSchema> made;
    const std::scoped_lock lock(mutex);
    const auto found = made.find(known);
    return found != made.end() ? found->second
                               : made.emplace(known, schema_with(known)).first->second;
}

}  // namespace comq
