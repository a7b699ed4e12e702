#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "core/aligned_memory.hpp"

namespace comq {

/** Row-major view of `rows` × `cols` numbers, rows `stride` apart; owns nothing. */
template <typename T>
struct MatrixView {
    T* data = nullptr;
    int64_t rows = 0;
    int64_t cols = 0;
    int64_t stride = 0;

    MatrixView() = default;
    MatrixView(T* data_, int64_t rows_, int64_t cols_)
        : data(data_), rows(rows_), cols(cols_), stride(cols_) {}
    MatrixView(T* data_, int64_t rows_, int64_t cols_, int64_t stride_)
        : data(data_), rows(rows_), cols(cols_), stride(stride_) {}

    T* row(int64_t i) const { return data + i * stride; }
    T& operator()(int64_t i, int64_t j) const { return data[i * stride + j]; }
    /** Part `part` of `parts` equal runs of rows: the output channels of a group. */
    MatrixView part(int64_t part, int64_t parts) const {
        return {row(part * (rows / parts)), rows / parts, cols, stride};
    }
    operator MatrixView<const T>() const requires(!std::is_const_v<T>) {
        return {data, rows, cols, stride};
    }
};

/** Allocator of allocate_aligned. */
template <typename T>
struct AlignedAllocator {
    using value_type = T;

    AlignedAllocator() = default;
    template <typename U>
    AlignedAllocator(const AlignedAllocator<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(allocate_aligned(n * sizeof(T))); }
    void deallocate(T* p, std::size_t n) { free_aligned(p, n * sizeof(T)); }
    bool operator==(const AlignedAllocator&) const { return true; }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/** Row-major matrix that owns its numbers, zero-initialised. */
template <typename T>
class Matrix {
  public:
    Matrix() = default;
    Matrix(int64_t rows, int64_t cols)
        : rows_(rows), cols_(cols), values_(static_cast<std::size_t>(rows * cols)) {}

    int64_t rows() const { return rows_; }
    int64_t cols() const { return cols_; }
    T* data() { return values_.data(); }
    const T* data() const { return values_.data(); }
    T* row(int64_t i) { return values_.data() + i * cols_; }
    const T* row(int64_t i) const { return values_.data() + i * cols_; }
    T& operator()(int64_t i, int64_t j) { return row(i)[j]; }
    const T& operator()(int64_t i, int64_t j) const { return row(i)[j]; }

    MatrixView<T> view() { return {data(), rows_, cols_}; }
    MatrixView<const T> view() const { return {data(), rows_, cols_}; }

  private:
    int64_t rows_ = 0;
    int64_t cols_ = 0;
    AlignedVector<T> values_;
};

}  // namespace comq
