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

}  // namespace comq
