#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

namespace comq {

namespace simd_detail {

template <typename T, int64_t lanes>
struct VectorOf {
    typedef T Type __attribute__((vector_size(lanes * sizeof(T)), aligned(alignof(T)), may_alias));
};

}  // namespace simd_detail

/**
 * `lanes` neighbouring numbers of an array, added and multiplied lane by lane with the operators of
 * C. Kernels keep them in variables and pass none: how a wide vector is passed depends on the
 * instruction set.
 */
template <typename T, int64_t lanes>
using Vector = typename simd_detail::VectorOf<T, lanes>::Type;

/** The numbers from `first` on as one vector, to be read or assigned; they need no alignment. */
template <int64_t lanes, typename T>
[[gnu::always_inline]] inline Vector<T, lanes>& vector_at(T* first) {
    return *reinterpret_cast<Vector<T, lanes>*>(first);
}
template <int64_t lanes, typename T>
[[gnu::always_inline]] inline const Vector<T, lanes>& vector_at(const T* first) {
    return *reinterpret_cast<const Vector<T, lanes>*>(first);
}

/**
 * Instruction sets that kernels are compiled for: AVX-512, AVX2 with FMA, and the one that the
 * whole program may use.
 */
enum class VectorUnit { portable, avx2, avx512 };

/** The units of this processor, the fastest first. */
std::vector<VectorUnit> vector_units();

/** The first of them; `portable` until it is initialised. */
extern const VectorUnit fastest_vector_unit;

/** A VectorUnit as the argument of a kernel, which may choose its sizes by it. */
template <VectorUnit unit>
using VectorUnitConstant = std::integral_constant<VectorUnit, unit>;

namespace simd_detail {

// `flatten` compiles the kernel, and what it calls, into the function with the target.
#if defined(__x86_64__) && defined(__GNUC__)
template <typename Kernel>
[[gnu::target("avx512f"), gnu::flatten]] auto run_avx512(const Kernel& kernel) {
    return kernel(VectorUnitConstant<VectorUnit::avx512>{});
}

template <typename Kernel>
[[gnu::target("avx2,fma"), gnu::flatten]] auto run_avx2(const Kernel& kernel) {
    return kernel(VectorUnitConstant<VectorUnit::avx2>{});
}
#endif

template <typename Kernel>
[[gnu::flatten]] auto run_portable(const Kernel& kernel) {
    return kernel(VectorUnitConstant<VectorUnit::portable>{});
}

}  // namespace simd_detail

/**
 * Calls kernel(VectorUnitConstant) compiled for `unit`, one of vector_units(). A kernel is a lambda
 * of loops over arrays; functions that it calls are inlined. Sums run over the same terms in the
 * same order on every unit and -ffp-contract=off keeps them from becoming fused multiply-adds, so
 * all units give the same bits; only their speed differs.
 */
template <typename Kernel>
auto run_on(VectorUnit unit, const Kernel& kernel) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (unit == VectorUnit::avx512) return simd_detail::run_avx512(kernel);
    if (unit == VectorUnit::avx2) return simd_detail::run_avx2(kernel);
#endif
    return simd_detail::run_portable(kernel);
}

/** run_on the fastest unit. */
template <typename Kernel>
auto run_vectorized(const Kernel& kernel) {
    return run_on(fastest_vector_unit, kernel);
}

}  // namespace comq
