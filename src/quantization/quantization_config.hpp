#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace comq {

enum class Preset { authors_code, paper };
enum class Granularity { per_channel, per_layer, per_group };
enum class Order { cyclic, greedy, greedy_dynamic, shared };
enum class ScaleUpdate { none, closed_form };
enum class ZeroPoint { whole, half, real };
enum class GridChoice { automatic, minmax, searched, look_ahead };
enum class StartChoice { automatic, weights, rtn, look_ahead, comq_plus };

/** `depthwise` and `pointwise` are convolutions as well; `grouped` is any layer in groups. */
enum class LayerKind { linear, convolution, depthwise, pointwise, grouped };
enum class LayerPosition { first, last };
/** From `first` to `last`, both included. */
struct BlockRange {
    int first = 0;
    int last = 0;
};

/**
 * A rule of `quantization.layers`: it matches the layers that all it names fits; the first rule
 * that matches a layer decides.
 */
struct LayerRule {
    std::string match = {};  ///< glob over names; empty: any
    std::optional<bool> quantize = {};
    std::optional<int> bits = {};
    std::optional<LayerKind> kind = {};
    std::optional<LayerPosition> position = {};
    std::optional<BlockRange> blocks = {};
};

/** What the widths of layers are to keep small: their own errors, or the divergence of predictions.
 */
enum class BitsCriterion { layer_error, predictions };

struct QuantizationConfig {
    std::string method = "comq";  ///< a name of the method registry, or "none"
    Preset preset = Preset::paper;
    int bits = 4;
    std::optional<double> average_bits;  ///< none: every layer has `bits`
    BitsCriterion bits_criterion = BitsCriterion::predictions;
    Granularity granularity = Granularity::per_channel;
    int64_t group_size = 64;  ///< most inputs that share a scale when granularity is per_group
    bool symmetric = false;
    ZeroPoint zero_point = ZeroPoint::whole;
    GridChoice grid = GridChoice::automatic;
    StartChoice start = StartChoice::automatic;
    Order order = Order::greedy;
    int sweeps = 4;
    int iterations = 2000;
    ScaleUpdate scale_update = ScaleUpdate::closed_form;  ///< after each sweep
    double scalar = 1.0;
    std::vector<LayerRule> layers;
};

}  // namespace comq
