#include "repair/reestimate_batch_norm.hpp"

#include <vector>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "tensor/batch_pixels.hpp"

namespace comq {

namespace {

/** Sums of one norm's batch statistics, in fp64. */
struct NormSums {
    torch::nn::BatchNorm2dImpl* norm;
    torch::Tensor mean;
    torch::Tensor squared_mean;
    torch::Tensor variance;
    torch::Tensor batches_tracked;  ///< as it was, since training counts
};

std::vector<NormSums> norms_of(const Network& network) {
    std::vector<NormSums> norms;
    for (const auto& module : network.modules(/*include_self=*/false)) {
        auto* norm = dynamic_cast<torch::nn::BatchNorm2dImpl*>(module.get());
        if (norm == nullptr) continue;
        const auto zeros = torch::zeros_like(norm->running_mean, torch::kDouble);
        norms.push_back(
            {norm, zeros.clone(), zeros.clone(), zeros.clone(), norm->num_batches_tracked.clone()});
    }
    return norms;
}

void add_batch(NormSums& sums) {
    const auto mean = sums.norm->running_mean.to(torch::kDouble);
    sums.mean += mean;
    sums.squared_mean += mean.square();
    sums.variance += sums.norm->running_var.to(torch::kDouble);
}

void install(const NormSums& sums, double batches) {
    const auto mean = sums.mean / batches;
    const auto between = sums.squared_mean / batches - mean.square();
    sums.norm->running_mean.copy_(mean);
    sums.norm->running_var.copy_(sums.variance / batches + between.clamp_min(0.0));
    sums.norm->num_batches_tracked.copy_(sums.batches_tracked);
}

}  // namespace

int64_t reestimate_batch_norm(Network& network, const ImageSet& images, torch::Device device,
                              BadImages& bad, const std::atomic<bool>& stop) {
    const torch::NoGradGuard no_gradient;
    auto norms = norms_of(network);
    if (norms.empty()) return 0;
    network.train();
    // With a momentum of 1 the running statistics are those of the last batch.
    for (const auto& sums : norms) sums.norm->options.momentum(1.0);

    Progress progress("BatchNorm statistics", "images",
                      static_cast<int64_t>(images.indices.size()));
    LoaderOptions options(Consume::serial);
    options.stop = &stop;
    int64_t batches = 0;
    const bool whole = for_each_batch(
        *images.source, images.indices, images.preprocessing, images.batch_size, bad,
        [&](ImageBatch&& batch) {
            network.forward(batch_pixels(batch).to(device));
            for (auto& sums : norms) add_batch(sums);
            ++batches;
            progress.advance(static_cast<int64_t>(batch.indices.size()));
        },
        options);
    if (!whole) throw Interrupted("interrupted while estimating BatchNorm statistics");
    if (batches == 0) {
        throw InputError("repair.images: none of the {} images can be read", images.indices.size());
    }
    for (const auto& sums : norms) install(sums, static_cast<double>(batches));
    network.eval();
    return static_cast<int64_t>(norms.size());
}

}  // namespace comq
