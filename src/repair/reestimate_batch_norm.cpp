#include "repair/reestimate_batch_norm.hpp"

#include <vector>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "core/random.hpp"
#include "networks/norms.hpp"
#include "torch_bridge/batch_pixels.hpp"

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

int64_t reestimate_batch_norm(Network& network, const ImageSet& images, uint64_t seed,
                              torch::Device device, BadImages& bad, const std::atomic<bool>& stop) {
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
    int64_t seen = 0;
    const bool whole = for_each_batch(
        *images.source, RandomStream(seed, "batch statistics").shuffled(images.indices),
        images.preprocessing, images.batch_size, bad,
        [&](ImageBatch&& batch) {
            network.forward(batch_pixels(batch).to(device));
            const auto count = std::ssize(batch.indices);
            for (auto& sums : norms) add_batch(sums, static_cast<double>(count));
            seen += count;
            progress.advance(count);
        },
        options);
    if (!whole) throw Interrupted("interrupted while estimating BatchNorm statistics");
    if (seen == 0) {
        throw InputError("repair.images: none of the {} images can be read", images.indices.size());
    }
    for (const auto& sums : norms) install(sums, static_cast<double>(seen));
    network.eval();
    return static_cast<int64_t>(norms.size());
}

}  // namespace comq
