#include "networks/same_function.hpp"

#include "core/random.hpp"

namespace comq {

namespace {

torch::Tensor noise_image(int64_t size, torch::Device device) {
    const RandomStream stream(0, "same function");
    auto image = torch::empty({1, 3, size, size});
    auto* values = image.data_ptr<float>();
    for (int64_t i = 0; i < image.numel(); ++i) {
        values[i] = static_cast<float>(stream.normal(static_cast<uint64_t>(i)));
    }
    return image.to(device);
}

}  // namespace

SameFunction::SameFunction(const Network& network, int64_t image_size)
    : network_(network),
      image_(noise_image(image_size, network.layers().front().layer->weight().device())) {
    const torch::NoGradGuard no_gradient;
    before_ = network.forward(image_);
}

double SameFunction::change() const {
    const torch::NoGradGuard no_gradient;
    return ((network_.forward(image_) - before_).norm() / before_.norm()).item<double>();
}

}  // namespace comq
