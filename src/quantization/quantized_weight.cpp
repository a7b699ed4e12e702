#include "quantization/quantized_weight.hpp"

#include <algorithm>
#include <bitset>

#include "core/check.hpp"

namespace comq {
namespace {

template <typename T>
Matrix<T> stack_rows(std::span<const QuantizedWeight> groups, Matrix<T> QuantizedWeight::*part) {
    int64_t rows = 0;
    for (const QuantizedWeight& group : groups) rows += (group.*part).rows();
    Matrix<T> stacked(rows, (groups.front().*part).cols());
    T* out = stacked.data();
    for (const QuantizedWeight& group : groups) {
        const Matrix<T>& values = group.*part;
        COMQ_CHECK(values.cols() == stacked.cols());
        out = std::copy_n(values.data(), values.rows() * values.cols(), out);
    }
    return stacked;
}

}  // namespace

Matrix<float> dequantize(const QuantizedWeight& weight) {
    const int64_t m = weight.in_features();
    const int64_t groups = weight.scale_groups();
    COMQ_CHECK(weight.scale.rows() == weight.out_features());
    COMQ_CHECK(weight.zero_point.rows() == weight.out_features());
    COMQ_CHECK(weight.zero_point.cols() == groups);
    Matrix<float> values(weight.out_features(), m);
    for (int64_t j = 0; j < weight.out_features(); ++j) {
        for (int64_t i = 0; i < m; ++i) {
            const int64_t group = i * groups / m;
            values(j, i) = weight.scale(j, group) * (static_cast<float>(weight.bit_code(j, i)) +
                                                     weight.zero_point(j, group));
        }
    }
    return values;
}

QuantizedWeight concatenate_channels(std::span<const QuantizedWeight> groups) {
    COMQ_CHECK(!groups.empty());
    return {stack_rows(groups, &QuantizedWeight::bit_code),
            stack_rows(groups, &QuantizedWeight::scale),
            stack_rows(groups, &QuantizedWeight::zero_point)};
}

int levels_used(const QuantizedWeight& weight) {
    std::size_t most = 0;
    for (int64_t j = 0; j < weight.out_features(); ++j) {
        std::bitset<256> seen;
        for (int64_t i = 0; i < weight.in_features(); ++i) seen.set(weight.bit_code(j, i));
        most = std::max(most, seen.count());
    }
    return static_cast<int>(most);
}

}  // namespace comq
