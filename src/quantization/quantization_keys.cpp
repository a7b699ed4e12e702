#include "quantization/quantization_keys.hpp"

namespace comq {

namespace {

ValueType<BlockRange> block_range() {
    return scalar_value<BlockRange>(
        "a block or a range of blocks like 0-3",
        [](const YamlNode& node) -> std::optional<BlockRange> {
            const std::string& text = node.scalar;
            const auto dash = text.find('-');
            const auto first = parse_number<int>(text.substr(0, dash));
            const auto last =
                dash == std::string::npos ? first : parse_number<int>(text.substr(dash + 1));
            if (!first || !last || *first < 0 || *last < *first) return std::nullopt;
            return BlockRange{*first, *last};
        },
        [](const BlockRange& range) {
            return range.first == range.last ? fmt::format("{}", range.first)
                                             : fmt::format("{}-{}", range.first, range.last);
        });
}

ValueType<std::vector<LayerRule>> layer_rules() {
    Schema<LayerRule> rule;
    rule.add({.key = "match", .meaning = "Glob over layer names; '*' also crosses dots."},
             &LayerRule::match, or_null(text()));
    rule.add({.key = "kind",
              .meaning = "Kind of layer; depthwise and pointwise (1 x 1) ones are convolutions as "
                         "well, grouped are all in groups."},
             &LayerRule::kind,
             optional(choice<LayerKind>({{"linear", LayerKind::linear},
                                         {"convolution", LayerKind::convolution},
                                         {"depthwise", LayerKind::depthwise},
                                         {"pointwise", LayerKind::pointwise},
                                         {"grouped", LayerKind::grouped}})));
    rule.add({.key = "position", .meaning = "The first or the last layer of the network."},
             &LayerRule::position,
             optional(choice<LayerPosition>(
                 {{"first", LayerPosition::first}, {"last", LayerPosition::last}})));
    rule.add({.key = "blocks",
              .meaning = "A block or a range of blocks, 0-3, numbered as --list-layers does."},
             &LayerRule::blocks, optional(block_range()));
    rule.add(
        {.key = "quantize",
         .meaning = "Whether the layer is quantized; null: as by default, or if bits are given."},
        &LayerRule::quantize, optional(boolean()));
    rule.add({.key = "bits",
              .meaning = "Width of the layer's codes; null: as without the rule.",
              .unit = "bit"},
             &LayerRule::bits, optional(integer<int>(2, 8)));
    const auto check = [](const LayerRule& read, const YamlPosition& position,
                          const std::string& name, ConfigProblems& problems) {
        if (read.match.empty() && !read.kind && !read.position && !read.blocks) {
            problems.add(position, name,
                         "names no layers: give 'match', 'kind', 'position' or 'blocks'");
        } else if (!read.quantize && !read.bits) {
            problems.add(position, name, "changes nothing: give 'quantize' or 'bits'");
        } else if (read.bits && read.quantize == false) {
            problems.add(position, name, "gives 'bits' to layers it leaves unquantized");
        }
    };
    return sequence_of(map_of<LayerRule>(rule, check),
                       "list of {match: GLOB, kind: KIND, position: first | last, blocks: "
                       "FIRST-LAST, quantize: true | false, bits: 2 to 8}");
}

}  // namespace

std::string text_of(const LayerRule& rule) {
    if (!rule.kind && !rule.position && !rule.blocks) return rule.match;
    LayerRule named = rule;
    named.quantize.reset();
    named.bits.reset();
    const std::string list = layer_rules().print({named});
    return list.substr(1, list.size() - 2);
}

Schema<QuantizationConfig, RunKey> quantization_keys(const std::vector<std::string>& methods) {
    using enum Effect;
    Schema<QuantizationConfig, RunKey> keys;
    keys.add({.key = "method",
              .affects = solution,
              .meaning = "Algorithm; none leaves the weights as they are."},
             &QuantizationConfig::method, name_of("method", methods));
    keys.add({.key = "preset",
              .affects = solution,
              .meaning = "Variant of COMQ: authors_code does what the authors' program does, "
                         "paper what the paper describes. A preset sets the keys that say so, "
                         "and every key given in a file or on the command line wins over it."},
             &QuantizationConfig::preset,
             choice<Preset>({{"authors_code", Preset::authors_code}, {"paper", Preset::paper}}));
    keys.add({.key = "bits",
              .affects = solution,
              .meaning = "Width of a weight's code: 2^bits levels.",
              .unit = "bit"},
             &QuantizationConfig::bits, integer<int>(2, 8));
    keys.add({.key = "average_bits",
              .affects = solution,
              .meaning = "Bits that codes may take on average over all quantized weights, scales "
                         "apart: each layer gets a width of its own, 2 to 8, so that what "
                         "quantization.bits_criterion says is least, and quantization.bits is "
                         "not read. Rules of quantization.layers keep theirs. null: every layer "
                         "has quantization.bits.",
              .unit = "bit"},
             &QuantizationConfig::average_bits, optional(number(2.0, 8.0)));
    keys.add({.key = "bits_criterion",
              .affects = solution,
              .meaning = "What average_bits keeps small: the sum of the divergences of predictions "
                         "on the images of calibration.holdout, which must be set, that each "
                         "layer alone causes (predictions; section sensitivity), or of squared "
                         "relative layer errors (layer_error).",
              .first_default = "layer_error"},
             &QuantizationConfig::bits_criterion,
             choice<BitsCriterion>({{"predictions", BitsCriterion::predictions},
                                    {"layer_error", BitsCriterion::layer_error}}));
    keys.add({.key = "granularity",
              .affects = solution,
              .meaning = "What shares one scale: an output channel, a whole layer (of a grouped "
                         "convolution, each group), or a group of a channel's inputs."},
             &QuantizationConfig::granularity,
             choice<Granularity>({{"per_channel", Granularity::per_channel},
                                  {"per_layer", Granularity::per_layer},
                                  {"per_group", Granularity::per_group}}));
    keys.add({.key = "group_size",
              .affects = solution,
              .meaning = "Inputs of a group when the granularity is per_group; the largest "
                         "divisor of the layer's inputs that is not above it.",
              .unit = "inputs"},
             &QuantizationConfig::group_size, integer<int64_t>(1));
    keys.add({.key = "symmetric",
              .affects = solution,
              .meaning = "Whether the zero point is fixed, at -2^(bits-1) or, where it need not "
                         "be whole, at -(2^bits-1)/2, and the scale follows from the largest "
                         "magnitude, instead of both from the range. The preset paper of comq "
                         "with granularity per_layer has a grid of its own."},
             &QuantizationConfig::symmetric, boolean());
    keys.add(
        {.key = "zero_point",
         .affects = solution,
         .meaning = "Values a zero point may have: whole numbers, which every runtime takes; "
                    "also the halves between them; or any number (real), which "
                    "closed-form scale updates then fit together with the scale where each "
                    "channel has one. The fewer levels, the more that gains."},
        &QuantizationConfig::zero_point,
        choice<ZeroPoint>(
            {{"whole", ZeroPoint::whole}, {"half", ZeroPoint::half}, {"real", ZeroPoint::real}}));
    keys.add({.key = "grid",
              .affects = solution,
              .meaning = "Allowed levels of a channel: from its smallest to its largest weight "
                         "(minmax), or searched from there for the least output error after "
                         "rounding (searched) or after GPTQ's look-ahead (look_ahead; by group "
                         "as searched). auto: look_ahead for comq_plus, minmax for the others."},
             &QuantizationConfig::grid,
             choice<GridChoice>({{"auto", GridChoice::automatic},
                                 {"minmax", GridChoice::minmax},
                                 {"searched", GridChoice::searched},
                                 {"look_ahead", GridChoice::look_ahead}}));
    keys.add({.key = "start",
              .affects = solution,
              .meaning = "Where coordinate descent or learned rounding begins: the float weights, "
                         "the weights rounded to nearest, the look-ahead of GPTQ, or, for "
                         "adaround alone, the grid and codes of comq_plus. auto: the best of all "
                         "for comq_plus, the float weights for the others."},
             &QuantizationConfig::start,
             choice<StartChoice>({{"auto", StartChoice::automatic},
                                  {"weights", StartChoice::weights},
                                  {"rtn", StartChoice::rtn},
                                  {"look_ahead", StartChoice::look_ahead},
                                  {"comq_plus", StartChoice::comq_plus}}));
    keys.add({.key = "order",
              .affects = solution,
              .meaning = "Order in which a sweep visits a channel's weights: as stored (cyclic), "
                         "largest contribution |w_i| * ||x_i|| first (greedy), from the second "
                         "sweep on what gains most first (greedy_dynamic), or one order for all "
                         "channels by their joint contribution (shared)."},
             &QuantizationConfig::order,
             choice<Order>({{"cyclic", Order::cyclic},
                            {"greedy", Order::greedy},
                            {"greedy_dynamic", Order::greedy_dynamic},
                            {"shared", Order::shared}}));
    keys.add({.key = "sweeps",
              .affects = solution,
              .meaning = "Passes over all weights of a layer, of beacon those after the first; "
                         "comq_plus goes on until nothing moves."},
             &QuantizationConfig::sweeps, integer<int>(1, 1000));
    keys.add({.key = "iterations",
              .affects = solution,
              .meaning = "Steps of Adam in which adaround learns the rounding of a layer, each on "
                         "all images, as they are summed up in its Gram.",
              .unit = "steps"},
             &QuantizationConfig::iterations, integer<int>(1, 1'000'000));
    keys.add({.key = "scale_update",
              .affects = solution,
              .meaning = "What happens to the scale after each of comq's sweeps: nothing, or "
                         "its closed-form minimiser, which comq_plus always takes."},
             &QuantizationConfig::scale_update,
             choice<ScaleUpdate>(
                 {{"none", ScaleUpdate::none}, {"closed_form", ScaleUpdate::closed_form}}));
    keys.add({.key = "scalar",
              .affects = solution,
              .meaning = "Factor on the starting scale; below 1 it clips the largest weights."},
             &QuantizationConfig::scalar, number(0.01, 10.0));
    keys.add({.key = "layers",
              .affects = solution,
              .meaning = "Exceptions by layers' names, kinds and positions; the first rule "
                         "that matches a layer decides. Without rules: every Linear layer but the "
                         "head of a transformer, every "
                         "layer but the classifier of a CNN."},
             &QuantizationConfig::layers, layer_rules());
    return keys;
}

}  // namespace comq
