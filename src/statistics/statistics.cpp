#include "statistics/statistics.hpp"

namespace comq {

Matrix<double> PackedTriangle::unpacked() const {
    Matrix<double> full(order_, order_);
    for (int64_t i = 0; i < order_; ++i) {
        const double* packed = row(i);
        for (int64_t j = 0; j <= i; ++j) {
            full(i, j) = packed[j];
            full(j, i) = packed[j];
        }
    }
    return full;
}

}  // namespace comq
