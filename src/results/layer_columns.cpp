#include "results/layer_columns.hpp"

#include <algorithm>

namespace comq {

const std::vector<LayerColumn>& layer_columns() {
    using Layer = LayerRecord;
    static const std::vector<LayerColumn> columns{
        {"name", &Layer::name, "", "path of the layer in its network"},
        {"kind", &Layer::kind, "", "linear or convolution"},
        {"in_features", &Layer::in_features, "1", "inputs m of one output channel"},
        {"out_features", &Layer::out_features, "1", "output channels n"},
        {"groups", &Layer::groups, "1", "groups of the convolution"},
        {"bits", &Layer::bits, "bit", "bits of a code"},
        {"levels_used", &Layer::levels_used, "1", "most distinct codes in one channel"},
        {"error", &Layer::error, "1", "layer error ||X(W-Wq)||_F on the calibration rows"},
        {"relative_error", &Layer::relative_error, "1", "||X(W-Wq)||_F / ||XW||_F"},
        {"sqnr_db", &Layer::sqnr_db, "dB",
         "signal to quantization noise, -20 log10(relative_error)"},
        {"rtn_relative_error", &Layer::rtn_relative_error, "1",
         "relative_error of round-to-nearest with the same bits"},
        {"heldout_relative_error", &Layer::heldout_relative_error, "1",
         "relative_error on held-out rows, which fitted nothing"},
        {"weight_error", &Layer::weight_error, "1", "||W-Wq||_F / ||W||_F"},
        {"sweeps", &Layer::sweeps, "1", "sweeps over the codes"},
        {"seconds", &Layer::seconds, "s", "time of solving, without calibration"},
        {"propagation", &Layer::propagation, "1",
         "strength a of error propagation; NaN where inputs are those of the float network", 1},
    };
    return columns;
}

const LayerColumn* find_layer_column(std::string_view name) {
    const auto& columns = layer_columns();
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&](const LayerColumn& column) { return column.name == name; });
    return found == columns.end() ? nullptr : &*found;
}

}  // namespace comq
