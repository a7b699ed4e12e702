#include "results/columns.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "core/errors.hpp"

namespace comq {

namespace {

/** Whether `a` comes before `b`. */
template <typename Value>
bool comes_first(const Value& a, const Value& b) {
    if constexpr (std::is_same_v<Value, std::string>) {
        return a < b;
    } else if constexpr (std::is_same_v<Value, double>) {
        return a > b || (std::isnan(b) && !std::isnan(a));
    } else {
        return a > b;
    }
}

Column::Values values_of(const Hdf5Dataset& dataset) {
    switch (dataset.element()) {
        case Hdf5Element::integer:
            return dataset.integers();
        case Hdf5Element::real:
            return dataset.reals();
        case Hdf5Element::text:
            return dataset.texts();
        case Hdf5Element::other:
            break;
    }
    throw InputError("{}: holds neither numbers nor text", dataset.path());
}

std::string text_if_any(const Hdf5Object& object, const std::string& attribute) {
    return object.has_attribute(attribute) ? object.text_attribute(attribute) : std::string();
}

}  // namespace

std::size_t Column::rows() const {
    return std::visit([](const auto& all) { return all.size(); }, values);
}

const Column* find_column(const Columns& columns, std::string_view name) {
    const auto found = std::ranges::find(columns, name, &Column::name);
    return found == columns.end() ? nullptr : &*found;
}

std::vector<std::size_t> sorted_rows(const Column& column) {
    std::vector<std::size_t> order(column.rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::visit(
        [&](const auto& values) {
            std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
                return comes_first(values[a], values[b]);
            });
        },
        column.values);
    return order;
}

Hdf5Dataset write_columns(Hdf5Group& group, const Columns& columns) {
    std::vector<Hdf5Dataset> datasets;
    for (const Column& column : columns) {
        Hdf5Dataset& dataset = datasets.emplace_back(
            std::visit([&](const auto& values) { return group.write_column(column.name, values); },
                       column.values));
        if (datasets.size() == 1) {
            dataset.make_scale(column.name);
        } else {
            dataset.attach_scale(0, datasets.front());
        }
        if (!column.units.empty()) dataset.write_attribute("units", column.units);
        dataset.write_attribute("long_name", column.description);
    }
    return std::move(datasets.front());
}

Columns read_columns(const Hdf5Group& group) {
    Columns columns;
    for (const std::string& name : group.names()) {
        const Hdf5Dataset dataset = group.open_dataset(name);
        columns.push_back({name, text_if_any(dataset, "units"), text_if_any(dataset, "long_name"),
                           values_of(dataset)});
        if (columns.back().rows() != columns.front().rows()) {
            throw InputError("{}: has {} rows, but '{}' has {}", dataset.path(),
                             columns.back().rows(), columns.front().name, columns.front().rows());
        }
    }
    return columns;
}

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
         "strength a of error propagation; NaN where inputs are those of the full-precision "
         "network",
         1},
    };
    return columns;
}

Columns columns_of(const std::vector<LayerRecord>& layers) {
    Columns columns;
    for (const LayerColumn& column : layer_columns()) {
        std::visit(
            [&](auto field) {
                std::vector<std::decay_t<decltype(layers.front().*field)>> values;
                for (const LayerRecord& layer : layers) values.push_back(layer.*field);
                columns.push_back({column.name, column.units, column.description, values});
            },
            column.field);
    }
    return columns;
}

}  // namespace comq
