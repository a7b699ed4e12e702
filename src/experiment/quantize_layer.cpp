#include "experiment/quantize_layer.hpp"

#include <algorithm>
#include <chrono>
#include <span>

#include "device_descent/batched_descent.hpp"
#include "quantization/layer_error.hpp"
#include "quantization/method.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

template <typename T>
HostTensor host_copy(DType dtype, const Matrix<T>& matrix) {
    const std::span<const T> values(matrix.data(),
                                    static_cast<std::size_t>(matrix.rows() * matrix.cols()));
    return HostTensor::copy_of(dtype, {matrix.rows(), matrix.cols()}, values);
}

int64_t numel(const LayerRecord& record) { return record.in_features * record.out_features; }

/** Whether the rows first … last − 1 of `values` [n, groups] are equal. */
bool equal_rows(const HostTensor& values, int64_t first, int64_t last) {
    const auto bytes = values.bytes();
    const auto row_bytes = bytes.size() / static_cast<std::size_t>(values.shape.at(0));
    const auto rows = [&](int64_t from, int64_t to) {
        return bytes.subspan(static_cast<std::size_t>(from) * row_bytes,
                             static_cast<std::size_t>(to - from) * row_bytes);
    };
    return std::ranges::equal(rows(first, last - 1), rows(first + 1, last));
}

/** Scales and zero points, those that a convolution's group or a layer shares counted once. */
int64_t grid_bytes(const LayerRecord& record) {
    const int64_t rows_of_group = record.out_features / record.groups;
    int64_t rows = 0;
    for (int64_t first = 0; first < record.out_features; first += rows_of_group) {
        const int64_t last = first + rows_of_group;
        const bool shared =
            equal_rows(record.scale, first, last) && equal_rows(record.zero_point, first, last);
        rows += shared ? 1 : rows_of_group;
    }
    const auto all = static_cast<int64_t>(record.scale.nbytes() + record.zero_point.nbytes());
    return all / record.out_features * rows;
}

}  // namespace

torch::Tensor host_weight(const QuantizableLayer& layer) {
    return layer.weight().detach().to(torch::kCPU, torch::kFloat).contiguous();
}

MatrixView<const float> view_of(const torch::Tensor& weight, const QuantizableLayer& layer) {
    return {weight.data_ptr<float>(), layer.out_features(), layer.in_features()};
}

LayerMethods::LayerMethods(const QuantizationConfig& config, torch::Device device)
    : chosen(make_method(config, descent_on(device))) {
    QuantizationConfig plain = config;
    plain.method = "rtn";
    plain.grid = GridChoice::minmax;
    plain.scalar = 1.0;
    round_to_nearest = make_method(plain);
}

LayerRecord quantize_layer(const PlannedLayer& planned, const LayerStatistics& statistics,
                           const Method& method, const Method& round_to_nearest) {
    const auto solve = [&](MatrixView<const float> weight) {
        return solve_layer(method, planned.entry.layer->name(), weight, statistics, planned.bits);
    };
    return quantize_layer(planned, statistics, solve, round_to_nearest);
}

LayerRecord quantize_layer(const PlannedLayer& planned, const LayerStatistics& statistics,
                           const LayerSolver& solve, const Method& round_to_nearest) {
    const QuantizableLayer& layer = *planned.entry.layer;
    const auto weight_tensor = host_weight(layer);
    const auto weight = view_of(weight_tensor, layer);
    const auto start = std::chrono::steady_clock::now();
    const Solution solution = solve(weight);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;

    const auto& grams = statistics.grams.at(statistic::gram);
    const double signal = signal_energy(grams, weight);
    const LayerError error = measure_error(grams, weight, solution.weight, signal);
    const Solution rounded =
        solve_layer(round_to_nearest, layer.name(), weight, statistics, planned.bits);

    LayerRecord record;
    record.name = layer.name();
    record.kind = kind_of(layer);
    record.in_features = layer.in_features();
    record.out_features = layer.out_features();
    record.groups = layer.groups();
    record.bits = planned.bits;
    record.levels_used = levels_used(solution.weight);
    record.error = error.error;
    record.relative_error = error.relative_error;
    record.sqnr_db = error.sqnr_db;
    record.rtn_relative_error = measure_error(grams, weight, rounded.weight, signal).relative_error;
    if (statistics.grams.contains(statistic::heldout_gram)) {
        record.heldout_relative_error =
            measure_error(statistics.grams.at(statistic::heldout_gram), weight, solution.weight)
                .relative_error;
    }
    record.weight_error = error.weight_error;
    record.sweeps = solution.sweeps;
    record.seconds = elapsed.count();
    record.bit_code = host_copy(DType::u8, solution.weight.bit_code);
    record.scale = host_copy(DType::f32, solution.weight.scale);
    record.zero_point = host_copy(DType::f32, solution.weight.zero_point);
    return record;
}

std::vector<double> relative_errors(const PlannedLayer& planned, const LayerStatistics& statistics,
                                    const Method& method, std::span<const int> bits) {
    const QuantizableLayer& layer = *planned.entry.layer;
    const auto weight_tensor = host_weight(layer);
    const auto weight = view_of(weight_tensor, layer);
    const auto& grams = statistics.grams.at(statistic::gram);
    const double signal = signal_energy(grams, weight);
    std::vector<double> errors;
    for (const int width : bits) {
        const auto solution = solve_layer(method, layer.name(), weight, statistics, width);
        errors.push_back(measure_error(grams, weight, solution.weight, signal).relative_error);
    }
    return errors;
}

void install_weight(Observable& layer, const LayerRecord& record) {
    const torch::NoGradGuard no_grad;
    const auto weight = dequantized(record.bit_code, record.scale, record.zero_point);
    layer.weight().copy_(weight.view(layer.weight().sizes()));
}

ModelSize measure_size(const Network& network, const std::vector<LayerRecord>& records) {
    ModelSize size;
    for (const auto& [name, tensor] : network.state_dict()) {
        size.float_bytes += static_cast<int64_t>(tensor.numel() * tensor.element_size());
    }
    size.quantized_bytes = size.float_bytes;
    int64_t weights = 0;
    double bits = 0.0;
    for (const auto& record : records) {
        const int64_t packed = (numel(record) * record.bits + 7) / 8 + grid_bytes(record);
        size.quantized_bytes += packed - numel(record) * static_cast<int64_t>(sizeof(float));
        weights += numel(record);
        bits += static_cast<double>(numel(record) * record.bits + 8 * grid_bytes(record));
    }
    size.average_bits_with_scales = weights > 0 ? bits / static_cast<double>(weights) : 32.0;
    return size;
}

}  // namespace comq
