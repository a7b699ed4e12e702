#include "core/simd.hpp"

namespace comq {

std::vector<VectorUnit> vector_units() {
    std::vector<VectorUnit> units;
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("avx512f")) units.push_back(VectorUnit::avx512);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        units.push_back(VectorUnit::avx2);
    }
#endif
    units.push_back(VectorUnit::portable);
    return units;
}

const VectorUnit fastest_vector_unit = vector_units().front();

}  // namespace comq
