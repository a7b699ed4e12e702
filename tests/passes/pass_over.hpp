#pragma once

#include <atomic>
#include <numeric>
#include <string>
#include <vector>

#include "networks/registry.hpp"
#include "passes/image_pass.hpp"

namespace comq::test {

inline const std::atomic<bool> never_stop{false};

/** A pass over all images of `source` on the CPU, as `model` wants them, without a progress. */
inline ImagePass pass_over(const ImageSource& source, const std::string& model, int64_t batch_size,
                           BadImages& bad, const std::atomic<bool>& stop = never_stop) {
    Progress::set_quiet(true);
    std::vector<int64_t> indices(static_cast<std::size_t>(source.size()));
    std::iota(indices.begin(), indices.end(), int64_t{0});
    return {{&source, std::move(indices), find_model(model).preprocessing, batch_size},
            torch::kCPU,
            bad,
            stop};
}

/** The pixels of all images of `pass` in their order. */
inline torch::Tensor pixels_of(const ImagePass& pass) {
    std::vector<torch::Tensor> parts;
    Progress progress("test", "images", pass.count());
    pass.run_in_order(progress, "testing", [&](const torch::Tensor& pixels, const ImageBatch&) {
        parts.push_back(pixels.clone());
        return std::string();
    });
    return torch::cat(parts);
}

}  // namespace comq::test
