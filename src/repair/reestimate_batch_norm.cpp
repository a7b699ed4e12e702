#include <string>
#include <vector>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "repair/repair.hpp"

namespace comq {

namespace {

/** Sums of one norm's batch statistics over images, in fp64. */
struct NormSums {
    BatchStatistics* statistics;
    torch::Tensor mean;
    torch::Tensor squared_mean;
    torch::Tensor variance;

    void add_batch(double images) {
        const auto batch_mean = statistics->mean.to(torch::kDouble);
        mean += batch_mean * images;
        squared_mean += batch_mean.square() * images;
        variance += statistics->variance.to(torch::kDouble) * images;
    }

    void install(double images) const {
        const auto whole_mean = mean / images;
        const auto between = squared_mean / images - whole_mean.square();
        statistics->mean.copy_(whole_mean);
        statistics->variance.copy_(variance / images + between.clamp_min(0.0));
    }
};

std::vector<NormSums> norms_of(const Network& network) {
    std::vector<NormSums> norms;
    for (const auto& entry : network.observables()) {
        BatchStatistics* statistics = entry.observable->batch_statistics();
        if (statistics == nullptr) continue;
        const auto zeros = torch::zeros_like(statistics->mean, torch::kDouble);
        norms.push_back({statistics, zeros.clone(), zeros.clone(), zeros.clone()});
    }
    return norms;
}

std::vector<RepairedParts> reestimate_batch_norm(RepairContext& context) {
    const torch::NoGradGuard no_gradient;
    const ImagePass& pass = context.pass;
    auto norms = norms_of(context.network);
    const RepairedParts parts{"reestimate_batch_norm", std::ssize(norms), "BatchNorms estimated"};
    if (norms.empty()) return {parts};
    for (const auto& sums : norms) sums.statistics->of_each_batch = true;

    Progress progress("BatchNorm statistics", "images", pass.count());
    int64_t seen = 0;
    pass.over(RandomStream(context.seed, "batch statistics").shuffled(pass.images.indices))
        .run_in_order(progress, "estimating BatchNorm statistics",
                      [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                          context.network.forward(pixels);
                          const auto count = std::ssize(batch.indices);
                          for (auto& sums : norms) sums.add_batch(static_cast<double>(count));
                          seen += count;
                          return std::string();
                      });
    if (seen == 0) {
        throw InputError("repair.images: none of the {} images can be read", pass.count());
    }
    for (const auto& sums : norms) {
        sums.install(static_cast<double>(seen));
        sums.statistics->of_each_batch = false;
    }
    return {parts};
}

}  // namespace

/**
 * Replaces the running mean and variance of every BatchNorm by those of the images, each batch
 * normalised by its own statistics on the way: the mean of the batches' means, and the mean of
 * their variances plus the variance of their means, batches counting by their images. Images are
 * drawn with the seed, since a batch of a single class would lose the class's own mean to the first
 * norm. Batches follow each other on one thread, as a BatchNorm changes its own state.
 */
const Repair reestimate_batch_norm_repair{
    .enabled = [](const RepairConfig& config) { return config.reestimate_batch_norm; },
    .apply = reestimate_batch_norm,
    .forwards = [](const RepairSize& size) { return size.images; }};

}  // namespace comq
