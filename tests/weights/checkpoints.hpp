#pragma once

#include <bit>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/host_tensor.hpp"
#include "support/assets.hpp"

namespace comq::test {

/** A file that make_checkpoints.py wrote. */
inline std::filesystem::path checkpoint(const std::string& name) {
    return source_dir() / "tests/weights/data" / name;
}

/** make_checkpoints.py's ramp: −1, −0.75, −0.5, … */
inline std::vector<float> ramp(int64_t count) {
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i) * 0.25f - 1.f);
    return values;
}

inline std::vector<float> floats(const HostTensor& tensor) {
    const auto values = tensor.as<float>();
    return {values.begin(), values.end()};
}

template <typename T>
std::vector<double> numbers(const HostTensor& tensor) {
    const auto values = tensor.as<T>();
    return {values.begin(), values.end()};
}

/** bfloat16 is the upper half of a float. */
inline float from_bf16(uint16_t bits) {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

using Shape = std::vector<int64_t>;

}  // namespace comq::test
