#pragma once

#include "networks/layers.hpp"
#include "quantization/quantized_weight.hpp"

namespace comq {

/** A layer has another weight until the end of the scope. */
class TrialWeight {
  public:
    TrialWeight(const QuantizableLayer& layer, const QuantizedWeight& weight)
        : weight_(layer.weight().detach()), kept_(weight_.clone()) {
        auto levels = dequantize(weight);
        weight_.copy_(torch::from_blob(levels.data(), weight_.sizes()));
    }
    ~TrialWeight() { weight_.copy_(kept_); }
    TrialWeight(const TrialWeight&) = delete;
    TrialWeight& operator=(const TrialWeight&) = delete;

  private:
    torch::Tensor weight_;
    torch::Tensor kept_;
};

}  // namespace comq
