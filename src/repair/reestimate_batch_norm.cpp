#include "repair/reestimate_batch_norm.hpp"

#include <string>
#include <vector>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "networks/norms.hpp"

namespace comq {

namespace {

/** Sums of one norm's batch statistics over images, in fp64. */
struct NormSums {
    BatchNorm2dImpl* norm;
    torch::Tensor mean;
    torch::Tensor squared_mean;
    torch::Tensor variance;
    torch::Tensor batches_tracked;  ///< as it was, since training counts
};

std::vector<NormSums> norms_of(const Network& network) {
    std::vector<NormSums> norms;
    for (const auto& module : network.modules(/*include_self=*/false)) {
        auto* norm = dynamic_cast<BatchNorm2dImpl*>(module.get());
        if (norm == nullptr) continue;
        const auto zeros = torch::zeros_like(norm->running_mean, torch::kDouble);
        norms.push_back(
            {norm, zeros.clone(), zeros.clone(), zeros.clone(), norm->num_batches_tracked.clone()});
    }
    return norms;
}

void add_batch(NormSums& sums, double images) {
    const auto mean = sums.norm->running_mean.to(torch::kDouble);
    sums.mean += mean * images;
    sums.squared_mean += mean.square() * images;
    sums.variance += sums.norm->running_var.to(torch::kDouble) * images;
}

void install(const NormSums& sums, double images) {
    const auto mean = sums.mean / images;
    const auto between = sums.squared_mean / images - mean.square();
    sums.norm->running_mean.copy_(mean);
    sums.norm->running_var.copy_(sums.variance / images + between.clamp_min(0.0));
    sums.norm->num_batches_tracked.copy_(sums.batches_tracked);
}

}  // namespace

int64_t reestimate_batch_norm(Network& network, const ImagePass& pass, uint64_t seed) {
    const torch::NoGradGuard no_gradient;
    auto norms = norms_of(network);
    if (norms.empty()) return 0;
    network.train();
    // With a momentum of 1 the running statistics are those of the last batch.
    for (const auto& sums : norms) sums.norm->options.momentum(1.0);

    Progress progress("BatchNorm statistics", "images", pass.count());
    int64_t seen = 0;
    pass.over(RandomStream(seed, "batch statistics").shuffled(pass.images.indices))
        .run_in_order(progress, "estimating BatchNorm statistics",
                      [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                          network.forward(pixels);
                          const auto count = std::ssize(batch.indices);
                          for (auto& sums : norms) add_batch(sums, static_cast<double>(count));
                          seen += count;
                          return std::string();
                      });
    if (seen == 0) {
        throw InputError("repair.images: none of the {} images can be read", pass.count());
    }
    for (const auto& sums : norms) install(sums, static_cast<double>(seen));
    network.eval();
    return static_cast<int64_t>(norms.size());
}

}  // namespace comq
