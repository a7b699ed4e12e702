#include "networks/prepared_weight.hpp"

#include <algorithm>

namespace comq {

PreparedWeight::Source::Source(const torch::Tensor& tensor) {
    if (!tensor.defined()) return;
    storage = tensor.storage();
    data = tensor.data_ptr();
    sizes = tensor.sizes().vec();
    strides = tensor.strides().vec();
    version = static_cast<int64_t>(tensor._version());
}

bool PreparedWeight::Source::is(const torch::Tensor& tensor) const {
    if (!tensor.defined()) return data == nullptr;
    return tensor.data_ptr() == data && static_cast<int64_t>(tensor._version()) == version &&
           tensor.sizes() == sizes && tensor.strides() == strides;
}

WeightAndBias PreparedWeight::of(const std::vector<torch::Tensor>& sources, const Make& make) {
    // Tensors of inference mode don't count their changes.
    const auto uncounted = [](const torch::Tensor& tensor) {
        return tensor.defined() && tensor.is_inference();
    };
    if (std::ranges::any_of(sources, uncounted)) return make();
    const std::lock_guard lock(mutex_);
    const auto same = [](const Source& source, const torch::Tensor& tensor) {
        return source.is(tensor);
    };
    if (!std::ranges::equal(sources_, sources, same)) {
        made_ = make();
        sources_.clear();
        for (const torch::Tensor& source : sources) sources_.emplace_back(source);
    }
    return made_;
}

}  // namespace comq
