#pragma once

#include "torch_bridge/torch.hpp"

#include <functional>
#include <mutex>
#include <vector>

#include "networks/fused.hpp"

namespace comq {

/**
 * A product's weight and bias as its kernel computes with them (a norm folded in, blocked), made
 * when first asked for, and again when a tensor they come from has changed since: it counts its
 * changes, and is compared by where it lies. One is kept, that of the last sources. Any number of
 * threads may ask.
 */
class PreparedWeight {
  public:
    using Make = std::function<WeightAndBias()>;

    /** What `make` makes of all the `sources`; undefined ones are allowed. */
    WeightAndBias of(const std::vector<torch::Tensor>& sources, const Make& make);

  private:
    struct Source {
        explicit Source(const torch::Tensor& tensor);
        bool is(const torch::Tensor& tensor) const;

        c10::Storage storage;  // held, so that no other tensor can come to lie there
        const void* data = nullptr;
        std::vector<int64_t> sizes, strides;
        int64_t version = 0;
    };

    std::mutex mutex_;
    std::vector<Source> sources_;
    WeightAndBias made_;
};

}  // namespace comq
