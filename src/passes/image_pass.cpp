#include "passes/image_pass.hpp"

#include <utility>

#include "core/errors.hpp"

namespace comq {

namespace {

/** `[images, 3, height, width]`; shares the memory of `batch`. */
torch::Tensor batch_pixels(ImageBatch& batch) {
    const auto count = static_cast<int64_t>(batch.indices.size());
    return torch::from_blob(batch.pixels.data(), {count, 3, batch.height, batch.width});
}

void run_batches(const ImagePass& pass, Consume mode, Progress& progress, const std::string& doing,
                 const ImagePass::NotingBody& body) {
    LoaderOptions options(mode);
    options.stop = &pass.stop;
    options.augmentation_seed = pass.augmentation_seed;
    // A guard of the caller holds on its own thread only.
    const bool records_gradients = torch::GradMode::is_enabled();
    const bool whole = for_each_batch(
        pass.images, pass.bad,
        [&](ImageBatch&& batch) {
            const torch::AutoGradMode as_caller(records_gradients);
            const auto pixels = batch_pixels(batch).to(pass.device);
            if (pass.change) pass.change(pixels, batch);
            const auto note = body(pixels, batch);
            progress.advance(static_cast<int64_t>(batch.indices.size()), note);
        },
        options);
    if (!whole) throw Interrupted("interrupted while {}", doing);
}

}  // namespace

void ImagePass::run(const std::string& title, const std::string& doing, const Body& body) const {
    Progress progress(title, "images", count());
    run(progress, doing, body);
}

void ImagePass::run(Progress& progress, const std::string& doing, const Body& body) const {
    run_batches(*this, device.is_cpu() ? Consume::parallel : Consume::serial, progress, doing,
                [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                    body(pixels, batch);
                    return std::string();
                });
}

void ImagePass::run_in_order(Progress& progress, const std::string& doing,
                             const NotingBody& body) const {
    run_batches(*this, Consume::serial, progress, doing, body);
}

ImagePass ImagePass::over(std::vector<int64_t> indices) const {
    ImagePass pass = *this;
    pass.images.indices = std::move(indices);
    pass.images.views = 1;
    return pass;
}

ImagePass ImagePass::in_batches_of(int64_t batch_size) const {
    ImagePass pass = *this;
    pass.images.batch_size = batch_size;
    return pass;
}

}  // namespace comq
