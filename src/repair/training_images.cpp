#include "repair/training_images.hpp"

#include <fmt/format.h>

namespace comq {

namespace {

RandomStream flips_of(const RandomStream& stream, int64_t epoch) {
    return stream.child(fmt::format("flips {}", epoch));
}

bool flips(const RandomStream& draws, int64_t index) {
    return draws.uniform(static_cast<uint64_t>(index)) >= 0.5;
}

void flip_half(const RandomStream& draws, const torch::Tensor& pixels, const ImageBatch& batch) {
    for (std::size_t i = 0; i < batch.indices.size(); ++i) {
        if (!flips(draws, batch.indices[i])) continue;
        auto image = pixels[static_cast<int64_t>(i)];
        image.copy_(image.flip({2}));
    }
}

/** Each image becomes a mixture with the one before it in its batch, in a share of its own. */
void mix(const RandomStream& draws, const torch::Tensor& pixels, const ImageBatch& batch) {
    auto shares = torch::empty({pixels.size(0), 1, 1, 1});
    for (std::size_t i = 0; i < batch.indices.size(); ++i) {
        shares[static_cast<int64_t>(i)] = draws.uniform(static_cast<uint64_t>(batch.indices[i]));
    }
    const auto other = pixels.roll({1}, {0});
    pixels.copy_(torch::lerp(other, pixels, shares.to(pixels.device())));
}

}  // namespace

TrainingImages::TrainingImages(const RepairConfig& config, uint64_t seed)
    : config_(config), stream_(seed, "norm tuning") {}

ImagePass TrainingImages::epoch(const ImagePass& pass, int64_t epoch) const {
    const auto order = stream_.child(fmt::format("order {}", epoch));
    return changed(pass.over(order.shuffled(pass.images.indices)), stream_, epoch);
}

bool TrainingImages::is_mirrored(int64_t index, int64_t epoch) const {
    return config_.flips && flips(flips_of(stream_, epoch), index);
}

ImagePass TrainingImages::view(const ImagePass& pass, int64_t view) const {
    return changed(pass, stream_.child("views"), view);
}

ImagePass TrainingImages::changed(ImagePass pass, const RandomStream& stream, int64_t epoch) const {
    if (config_.crops) {
        pass.augmentation_seed = stream.child("crops").bits(static_cast<uint64_t>(epoch)) >> 1;
    }
    const auto flips = flips_of(stream, epoch);
    const auto mixtures = stream.child(fmt::format("mixtures {}", epoch));
    pass.change = [=, flipped = config_.flips && !config_.crops, mixed = config_.mixtures](
                      const torch::Tensor& pixels, const ImageBatch& batch) {
        const torch::NoGradGuard no_gradient;
        if (flipped) flip_half(flips, pixels, batch);
        if (mixed) mix(mixtures, pixels, batch);
    };
    return pass;
}

}  // namespace comq
