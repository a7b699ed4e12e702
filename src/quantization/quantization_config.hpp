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
enum class StartChoice { automatic, weights, rtn, look_ahead };

/** A rule of `quantization.layers`; the first whose glob matches a layer's name decides. */
struct LayerRule {
    std::string match;
    std::optional<bool> quantize;
    std::optional<int> bits;
};

/** What the widths of layers are to keep small: their own errors, or the divergence of predictions.
 */
enum class BitsCriterion { layer_error, predictions };

struct QuantizationConfig {
    std::string method = "comq";  ///< a name of the method registry, or "none"
    Preset preset = Preset::paper;
    int bits = 4;
    std::optional<double> average_bits;  ///< none: every layer has `bits`
    BitsCriterion bits_criterion = BitsCriterion::layer_error;
    Granularity granularity = Granularity::per_channel;
    int64_t group_size = 64;  ///< most inputs that share a scale when granularity is per_group
    bool symmetric = false;
    ZeroPoint zero_point = ZeroPoint::whole;
    GridChoice grid = GridChoice::automatic;
    StartChoice start = StartChoice::automatic;
    Order order = Order::greedy;
    int sweeps = 4;
    ScaleUpdate scale_update = ScaleUpdate::closed_form;  ///< after each sweep
    double scalar = 1.0;
    std::vector<LayerRule> layers;
};

}  // namespace comq
