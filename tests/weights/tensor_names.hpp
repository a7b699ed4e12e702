#pragma once

#include <string>
#include <vector>

#include "storage/host_tensor.hpp"

namespace comq::test {

using Strings = std::vector<std::string>;

/** Tensors of one number under these names, for tests of key maps. */
inline TensorMap named(const Strings& names) {
    TensorMap tensors;
    for (const std::string& name : names) {
        tensors[name] = HostTensor::copy_of<float>(DType::f32, {1}, std::vector{1.f});
    }
    return tensors;
}

inline Strings names_of(const TensorMap& tensors) {
    Strings names;
    for (const auto& [name, tensor] : tensors) names.push_back(name);
    return names;
}

}  // namespace comq::test
