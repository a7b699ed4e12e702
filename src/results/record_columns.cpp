#include "results/record_columns.hpp"

namespace comq {

template <>
const std::vector<RecordColumn<LayerRecord>>& record_columns() {
    using Layer = LayerRecord;
    constexpr int always = 0;
    constexpr bool in_figures = true;
    static const std::vector<RecordColumn<Layer>> columns{
        {"name", &Layer::name, "", "path of the layer in its network", always, in_figures},
        {"kind", &Layer::kind, "", "linear or convolution"},
        {"in_features", &Layer::in_features, "1", "inputs m of one output channel", always,
         in_figures},
        {"out_features", &Layer::out_features, "1", "output channels n", always, in_figures},
        {"groups", &Layer::groups, "1", "groups of the convolution"},
        {"bits", &Layer::bits, "bit", "bits of a code", always, in_figures},
        {"levels_used", &Layer::levels_used, "1", "most distinct codes in one channel"},
        {"error", &Layer::error, "1", "layer error ||X(W-Wq)||_F on the calibration rows"},
        {"relative_error", &Layer::relative_error, "1", "||X(W-Wq)||_F / ||XW||_F", always,
         in_figures},
        {"sqnr_db", &Layer::sqnr_db, "dB",
         "signal to quantization noise, -20 log10(relative_error)"},
        {"rtn_relative_error", &Layer::rtn_relative_error, "1",
         "relative_error of round-to-nearest with the same bits"},
        {"heldout_relative_error", &Layer::heldout_relative_error, "1",
         "relative_error on held-out rows, which fitted nothing", always, in_figures},
        {"weight_error", &Layer::weight_error, "1", "||W-Wq||_F / ||W||_F"},
        {"sweeps", &Layer::sweeps, "1", "sweeps over the codes"},
        {"seconds", &Layer::seconds, "s", "time of solving, without calibration"},
        {"propagation", &Layer::propagation, "1",
         "strength a of error propagation; NaN where inputs are those of the full-precision "
         "network",
         1},
        {"residual_strength", &Layer::residual_strength, "1",
         "share b of what the residual stream has lost that the layer makes up for; NaN where it "
         "has no residual target",
         6},
        {"cumulative_error", &Layer::cumulative_error, "1",
         "||Y-Yq||_F / ||XW||_F of its outputs, Yq in the quantized network", 5},
    };
    return columns;
}

template <>
const std::vector<RecordColumn<SensitivityRecord>>& record_columns() {
    using Sensitivity = SensitivityRecord;
    static const std::vector<RecordColumn<Sensitivity>> columns{
        {"unit", &Sensitivity::unit, "", "layer, or block, that alone is quantized"},
        {"bits", &Sensitivity::bits, "bit", "width of its codes"},
        {"kl", &Sensitivity::kl, "nat", "mean KL(full precision || quantized) of held-out images"},
        {"kl_standard_error", &Sensitivity::kl_standard_error, "nat", "standard error of kl"},
    };
    return columns;
}

template <>
const std::vector<RecordColumn<RotationRecord>>& record_columns() {
    using Rotation = RotationRecord;
    static const std::vector<RecordColumn<Rotation>> columns{
        {"trial", &Rotation::trial, "1", "number of the random rotation"},
        {"kl", &Rotation::kl, "nat", "mean KL(full precision || quantized) of held-out images"},
        {"kl_standard_error", &Rotation::kl_standard_error, "nat", "standard error of kl"},
    };
    return columns;
}

template <>
const std::vector<RecordColumn<StageRecord>>& record_columns() {
    static const std::vector<RecordColumn<StageRecord>> columns{
        {"name", &StageRecord::name, "", "stage of the run"},
        {"seconds", &StageRecord::seconds, "s", "wall-clock time"},
    };
    return columns;
}

}  // namespace comq
