#include "config/experiment_schema.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/activation_schema.hpp"
#include "config/evaluation_schema.hpp"
#include "config/repair_schema.hpp"

namespace comq {

namespace {

using Config = ExperimentConfig;

bool is_device(const std::string& name) {
    if (name == "cpu" || name == "cuda") return true;
    const auto index = name.starts_with("cuda:") ? parse_number<int>(name.substr(5)) : std::nullopt;
    return index && *index >= 0;
}

bool is_sha256(const std::string& digest) {
    return digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
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

ValueType<std::vector<LayerRule>> layer_rules() {
    Schema<LayerRule> rule;
    rule.add({.key = "match",
              .meaning = "Glob over layer names; '*' also crosses dots.",
              .required = true},
             field(&LayerRule::match), text());
    rule.add(
        {.key = "quantize",
         .meaning = "Whether the layer is quantized; null: as by default, or if bits are given."},
        field(&LayerRule::quantize), optional(boolean()));
    rule.add({.key = "bits",
              .meaning = "Width of the layer's codes; null: as without the rule.",
              .unit = "bit"},
             field(&LayerRule::bits), optional(integer<int>(2, 8)));
    return list_of<LayerRule>(
        rule, "list of {match: GLOB, quantize: true | false, bits: 2 to 8}",
        [](const LayerRule& read, const YamlPosition& position, const std::string& name,
           ConfigProblems& problems) {
            if (!read.quantize && !read.bits) {
                problems.add(position, name, "changes nothing: give 'quantize' or 'bits'");
            } else if (read.bits && read.quantize == false) {
                problems.add(position, name, "gives 'bits' to layers it leaves unquantized");
            }
        });
}

void add_model_and_data(Schema<Config>& schema, const KnownNames& known) {
    const auto model = [](auto member) { return field(&Config::model, member); };
    const auto data = [](auto member) { return field(&Config::data, member); };
    using enum KeyClass;

    schema.add({.key = "model.name",
                .meaning = "Architecture, by its name in the model registry "
                           "(run_experiment --list-models).",
                .required = true},
               model(&ModelConfig::name), name_of("model", known.models));
    schema.add({.key = "model.weights",
                .key_class = location,
                .meaning = "Checkpoint file; a relative path starts at the working directory. "
                           "null: the weights that come with a demo model."},
               model(&ModelConfig::weights), path());
    schema.add(
        {.key = "model.sha256",
         .key_class = location,
         .meaning = "Digest the checkpoint must have; null: any, the one found is recorded."},
        model(&ModelConfig::sha256),
        or_null(text_where("64 lower-case hexadecimal digits", is_sha256)));

    schema.add({.key = "data.root",
                .key_class = location,
                .meaning = "Folder where the relative paths of 'data' start; itself relative to "
                           "the working directory. null: the working directory. Any path may begin "
                           "with ~/ and hold ${VAR} or ${VAR:-default}."},
               data(&DataConfig::root), path());
    schema.add({.key = "data.layout",
                .meaning = "How images are stored; datasets/README.md shows each layout. demo is "
                           "the set the program generates itself."},
               data(&DataConfig::layout), name_of("layout", known.layouts));
    schema.add({.key = "data.calibration",
                .key_class = location,
                .meaning = "Images for calibration; labels are not needed. Required unless "
                           "data.layout is demo or nothing is quantized."},
               data(&DataConfig::calibration), path());
    schema.add({.key = "data.evaluation",
                .key_class = location,
                .meaning = "Labelled images for evaluation. Required unless data.layout is demo."},
               data(&DataConfig::evaluation), path());
    schema.add({.key = "data.synsets",
                .key_class = location,
                .meaning = "Sorted class names (wnids), one a line: a class's line is its label. "
                           "null: the sorted names of the folders."},
               data(&DataConfig::synsets), path());
    schema.add({.key = "data.labels",
                .key_class = location,
                .meaning = "Ground truth of images without class folders (imagenet_flat, "
                           "imagenet_tar). null: found beside the images by its usual names."},
               data(&DataConfig::labels), path());
    schema.add({.key = "data.max_bad_images",
                .key_class = resource,
                .meaning = "Unreadable images that are left out before the run stops.",
                .unit = "images"},
               data(&DataConfig::max_bad_images), integer<int64_t>(0));
}

void add_calibration(Schema<Config>& schema) {
    const auto calibration = [](auto member) { return field(&Config::calibration, member); };

    schema.add({.key = "calibration.images",
                .meaning = "Images whose layer inputs the quantization is fitted to; more than "
                           "there are is an error.",
                .unit = "images"},
               calibration(&CalibrationConfig::images), integer<int64_t>(1));
    schema.add({.key = "calibration.selection",
                .meaning = "Which images: the first ones, or a random choice by 'seed'."},
               calibration(&CalibrationConfig::selection),
               choice<Selection>({{"first", Selection::first}, {"random", Selection::random}}));
    schema.add({.key = "calibration.holdout",
                .meaning = "Further images on which errors are only measured, never fitted.",
                .unit = "images"},
               calibration(&CalibrationConfig::holdout), integer<int64_t>(0));
    schema.add({.key = "calibration.batch_size",
                .meaning = "Images of one micro-batch, the unit of work of one thread. Its size "
                           "can change the last bits of the sums.",
                .unit = "images"},
               calibration(&CalibrationConfig::batch_size), integer<int64_t>(1, 4096));
    schema.add({.key = "calibration.transform",
                .meaning = "Preprocessing of calibration images: as for evaluation, or augmented "
                           "as for training."},
               calibration(&CalibrationConfig::transform),
               choice<CalibrationTransform>(
                   {{"eval", CalibrationTransform::eval}, {"train", CalibrationTransform::train}}));
    schema.add({.key = "calibration.inputs",
                .meaning = "Network whose layer inputs a method is fitted to: the full-precision "
                           "one, or the one whose earlier layers are quantized already, layer "
                           "after layer, each made to give the outputs of the full-precision one. "
                           "Errors are reported on full-precision rows all the same." +
                           preset_note("calibration.inputs")},
               calibration(&CalibrationConfig::inputs),
               choice<CalibrationInputs>({{"full_precision", CalibrationInputs::full_precision},
                                          {"quantized", CalibrationInputs::quantized}}));
    schema.add({.key = "calibration.propagation",
                .meaning = "With quantized inputs, the share of the error of earlier layers that a "
                           "layer makes up for; null: for each layer the best of 0, 0.25, 0.5 and "
                           "1 on held-out images."},
               calibration(&CalibrationConfig::propagation), optional(number(0.0, 1.0)));
    schema.add({.key = "calibration.propagation_criterion",
                .meaning = "What the best strength is: layer_output, by the error of the layer's "
                           "output; logits, by how far the network's predictions, with later "
                           "layers in full precision, are from the full-precision network's (KL)."},
               calibration(&CalibrationConfig::propagation_criterion),
               choice<PropagationCriterion>({{"layer_output", PropagationCriterion::layer_output},
                                             {"logits", PropagationCriterion::logits}}));
    schema.add(
        {.key = "calibration.precision",
         .meaning = "Numbers that the network computes layer inputs in; their products are "
                    "summed as ever. bfloat16 is faster where the CPU multiplies it, and "
                    "errors are then measured on rounded inputs."},
        calibration(&CalibrationConfig::precision),
        choice<Precision>({{"float32", Precision::float32}, {"bfloat16", Precision::bfloat16}}));
    schema.add({.key = "calibration.rows_per_image",
                .meaning = "Rows (tokens, patches of a convolution) that each layer takes of each "
                           "image, drawn by 'seed', layer and image; null: all.",
                .unit = "rows"},
               calibration(&CalibrationConfig::rows_per_image), optional(integer<int64_t>(1)));
    schema.add({.key = "calibration.weighting",
                .meaning = "Weight of a row of layer inputs: equal, or its importance to the "
                           "network, from the gradient of the cross-entropy to a label drawn from "
                           "the network's own prediction (uses gradients but no labels)."},
               calibration(&CalibrationConfig::weighting),
               choice<Weighting>({{"none", Weighting::none}, {"fisher", Weighting::fisher}}));
    schema.add({.key = "calibration.weighting_power",
                .meaning = "A row's weight is the mean squared gradient at its outputs to this "
                           "power, scaled to a mean of 1 in each layer."},
               calibration(&CalibrationConfig::weighting_power), number(0.01, 2.0));
    schema.add({.key = "calibration.weighting_share",
                .meaning = "Share of the weighted Gram in its mixture with the plain one."},
               calibration(&CalibrationConfig::weighting_share), number(0.0, 1.0));
}

void add_quantization(Schema<Config>& schema, const KnownNames& known) {
    const auto quantization = [](auto member) { return field(&Config::quantization, member); };
    std::vector<std::pair<std::string, Preset>> preset_names;
    for (const auto& preset : presets()) preset_names.emplace_back(preset.name, preset.preset);

    schema.add(
        {.key = "quantization.method",
         .meaning = "Algorithm, by its name in the method registry; none leaves the weights as "
                    "they are."},
        quantization(&QuantizationConfig::method), name_of("method", known.methods));
    schema.add({.key = "quantization.preset",
                .meaning = "Variant of COMQ: authors_code does what the authors' program does, "
                           "paper what the paper describes. A preset sets the keys that say so, "
                           "and every key given in a file or on the command line wins over it."},
               quantization(&QuantizationConfig::preset), choice<Preset>(preset_names));
    schema.add({.key = "quantization.bits",
                .meaning = "Width of a weight's code: 2^bits levels.",
                .unit = "bit"},
               quantization(&QuantizationConfig::bits), integer<int>(2, 8));
    schema.add({.key = "quantization.average_bits",
                .meaning = "Bits that codes may take on average over all quantized weights, scales "
                           "apart: each layer gets a width of its own, 2 to 8, so that the sum of "
                           "squared relative layer errors is least, and quantization.bits is not "
                           "read. Rules of quantization.layers keep theirs. null: every layer has "
                           "quantization.bits.",
                .unit = "bit"},
               quantization(&QuantizationConfig::average_bits), optional(number(2.0, 8.0)));
    schema.add({.key = "quantization.granularity",
                .meaning = "What shares one scale: an output channel, a whole layer (of a grouped "
                           "convolution, each group), or a group of a channel's inputs."},
               quantization(&QuantizationConfig::granularity),
               choice<Granularity>({{"per_channel", Granularity::per_channel},
                                    {"per_layer", Granularity::per_layer},
                                    {"per_group", Granularity::per_group}}));
    schema.add({.key = "quantization.group_size",
                .meaning = "Inputs of a group when the granularity is per_group; the largest "
                           "divisor of the layer's inputs that is not above it.",
                .unit = "inputs"},
               quantization(&QuantizationConfig::group_size), integer<int64_t>(1));
    schema.add({.key = "quantization.symmetric",
                .meaning = "Whether the zero point is fixed, at -2^(bits-1) or, where it need not "
                           "be whole, at -(2^bits-1)/2, and the scale follows from the largest "
                           "magnitude, instead of both from the range. The preset paper of comq "
                           "with granularity per_layer has a grid of its own."},
               quantization(&QuantizationConfig::symmetric), boolean());
    schema.add(
        {.key = "quantization.zero_point",
         .meaning = "Values a zero point may have: whole numbers, as runtimes for integers "
                    "want them; also the halves between them; or any number (real), which "
                    "closed-form scale updates then fit together with the scale where each "
                    "channel has one. The fewer levels, the more that gains."},
        quantization(&QuantizationConfig::zero_point),
        choice<ZeroPoint>(
            {{"whole", ZeroPoint::whole}, {"half", ZeroPoint::half}, {"real", ZeroPoint::real}}));
    schema.add({.key = "quantization.grid",
                .meaning = "Allowed levels of a channel: from its smallest to its largest weight "
                           "(minmax), or searched from there for the least output error after "
                           "rounding (searched) or after GPTQ's look-ahead (look_ahead; by group "
                           "as searched). auto: look_ahead for comq_plus, minmax for the others."},
               quantization(&QuantizationConfig::grid),
               choice<GridChoice>({{"auto", GridChoice::automatic},
                                   {"minmax", GridChoice::minmax},
                                   {"searched", GridChoice::searched},
                                   {"look_ahead", GridChoice::look_ahead}}));
    schema.add({.key = "quantization.start",
                .meaning = "Where coordinate descent begins: the float weights, the weights "
                           "rounded to nearest, or the look-ahead of GPTQ. auto: the best of all "
                           "for comq_plus, the float weights for comq."},
               quantization(&QuantizationConfig::start),
               choice<StartChoice>({{"auto", StartChoice::automatic},
                                    {"weights", StartChoice::weights},
                                    {"rtn", StartChoice::rtn},
                                    {"look_ahead", StartChoice::look_ahead}}));
    schema.add({.key = "quantization.order",
                .meaning = "Order in which a sweep visits a channel's weights: as stored (cyclic), "
                           "largest contribution |w_i| * ||x_i|| first (greedy), from the second "
                           "sweep on what gains most first (greedy_dynamic), or one order for all "
                           "channels by their joint contribution (shared)." +
                           preset_note("quantization.order")},
               quantization(&QuantizationConfig::order),
               choice<Order>({{"cyclic", Order::cyclic},
                              {"greedy", Order::greedy},
                              {"greedy_dynamic", Order::greedy_dynamic},
                              {"shared", Order::shared}}));
    schema.add({.key = "quantization.sweeps",
                .meaning = "Passes of comq's descent over all weights of a layer; comq_plus goes "
                           "on until nothing moves." +
                           preset_note("quantization.sweeps")},
               quantization(&QuantizationConfig::sweeps), integer<int>(1, 1000));
    schema.add({.key = "quantization.scale_update",
                .meaning = "What happens to the scale after each of comq's sweeps: nothing, or "
                           "its closed-form minimiser, which comq_plus always takes." +
                           preset_note("quantization.scale_update")},
               quantization(&QuantizationConfig::scale_update),
               choice<ScaleUpdate>(
                   {{"none", ScaleUpdate::none}, {"closed_form", ScaleUpdate::closed_form}}));
    schema.add({.key = "quantization.scalar",
                .meaning = "Factor on the starting scale; below 1 it clips the largest weights."},
               quantization(&QuantizationConfig::scalar), number(0.01, 10.0));
    schema.add({.key = "quantization.layers",
                .meaning = "Exceptions by layer name; the first rule whose glob matches decides. "
                           "Without rules: every Linear layer but the head of a transformer, every "
                           "layer but the classifier of a CNN."},
               quantization(&QuantizationConfig::layers), layer_rules());
}

void add_resources_and_output(Schema<Config>& schema) {
    const auto resources = [](auto member) { return field(&Config::resources, member); };
    using enum KeyClass;

    schema.add({.key = "resources.threads",
                .key_class = resource,
                .meaning = "Threads of the run; all: as many as the process may use cores."},
               resources(&ResourcesConfig::threads), count_or_all<int>());
    schema.add({.key = "resources.memory",
                .key_class = resource,
                .meaning = "Memory the run may plan with."},
               resources(&ResourcesConfig::memory_bytes), byte_size(64'000'000));
    schema.add(
        {.key = "resources.cache",
         .key_class = location,
         .meaning = "Folder of what later runs can use again: full-precision predictions and "
                    "the statistics of layers; null: nothing is kept."},
        resources(&ResourcesConfig::cache), path());
    schema.add({.key = "resources.cache_limit",
                .key_class = resource,
                .meaning = "Size of the cache beyond which its oldest files are removed."},
               resources(&ResourcesConfig::cache_limit_bytes), byte_size(0));

    schema.add({.key = "output.file",
                .key_class = location,
                .meaning = "HDF5 file of the results, described in results/README.md; null: "
                           "results/NAME.h5, NAME being that of the config file and what the "
                           "command line changes of the numbers, like demo_vit_4bit-bits3."},
               field(&Config::output, &OutputConfig::file), path());
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
               field(&Config::seed), integer<uint64_t>(0));
    schema.add({.key = "device",
                .key_class = KeyClass::result,
                .meaning = "Where networks run: cpu, cuda, or cuda:N for GPU number N."},
               field(&Config::device), text_where("cpu | cuda | cuda:N", is_device));
    add_model_and_data(schema, known);
    add_calibration(schema);
    add_quantization(schema, known);
    add_activations(schema);
    add_repair(schema);
    add_evaluation(schema);
    add_resources_and_output(schema);
    return schema;
}

}  // namespace comq
