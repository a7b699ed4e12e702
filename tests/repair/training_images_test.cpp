#include "repair/training_images.hpp"

#include <fmt/format.h>

#include <mutex>
#include <numeric>

#include "networks.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

constexpr int64_t image_count = 10;

RepairConfig crops_and_mixtures() {
    RepairConfig config;
    config.norm_tuning = NormTuning::full_precision_logits;
    config.crops = config.mixtures = true;
    return config;
}

/** Of the images in their own order, [images, 3, height, width]. */
torch::Tensor pixels_by_image(const ImagePass& pass) {
    std::vector<torch::Tensor> pixels(image_count);
    std::mutex mutex;
    pass.run("reading", "reading", [&](const torch::Tensor& batch, const ImageBatch& images) {
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < images.indices.size(); ++i) {
            pixels[static_cast<std::size_t>(images.indices[i])] =
                batch[static_cast<int64_t>(i)].clone();
        }
    });
    return torch::stack(pixels);
}

}  // namespace

TEST_CASE("views of held-out images are drawn by the seed, apart from those of epochs") {
    const test::MemorySource source(image_count, 32, 0);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 5, bad);
    const auto config = crops_and_mixtures();
    const TrainingImages images(config, 3);
    const auto first = pixels_by_image(images.view(pass, 0));
    CHECK(torch::equal(first, pixels_by_image(TrainingImages(config, 3).view(pass, 0))));
    for (const auto& other : {pixels_by_image(pass), pixels_by_image(images.view(pass, 1)),
                              pixels_by_image(images.epoch(pass, 0)),
                              pixels_by_image(TrainingImages(config, 4).view(pass, 0))}) {
        CHECK_FALSE(torch::equal(first, other));
    }
}

TEST_CASE("a mixture is a blend of an image with the one before it in its batch") {
    const test::MemorySource source(image_count, 32, 0);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 5, bad);
    auto config = crops_and_mixtures();
    config.crops = config.flips = false;
    const auto plain = pixels_by_image(pass);
    const auto mixed = pixels_by_image(TrainingImages(config, 3).view(pass, 0));
    for (int64_t i = 0; i < image_count; ++i) {
        const auto other = plain[i % 5 == 0 ? i + 4 : i - 1];
        const auto apart = (plain[i] - other).flatten();
        const auto share = (mixed[i] - other).flatten().dot(apart) / apart.dot(apart);
        CHECK(share.item<float>() > 0.0F);
        CHECK(share.item<float>() < 1.0F);
        CHECK(torch::allclose(mixed[i], torch::lerp(other, plain[i], share), 1e-5, 1e-6));
    }
}

TEST_CASE("with crops and mixtures early stop judges by four views of the held-out images") {
    const auto original = test::hash_network("demo_cnn");
    const auto quantized = test::hash_network("demo_cnn");
    auto layers = test::quantized_layers(*quantized);
    const test::MemorySource source(2 * image_count, 32, 0);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 5, bad);
    auto config = crops_and_mixtures();
    config.early_stop = true;
    config.epochs = 1;
    config.learning_rate = 1e-8;
    std::vector<int64_t> held_out(image_count);
    std::iota(held_out.begin(), held_out.end(), int64_t{0});

    const TrainingImages images(config, 0);
    double expected = 0.0;
    for (int64_t view = 0; view < 4; ++view) {
        const auto pixels = pixels_by_image(images.view(pass.over(held_out), view));
        const torch::NoGradGuard no_gradient;
        const auto exact = torch::log_softmax(original->forward(pixels).to(torch::kDouble), 1);
        const auto seen = torch::log_softmax(quantized->forward(pixels).to(torch::kDouble), 1);
        expected += (exact.exp() * (exact - seen)).sum().item<double>() / (4 * image_count);
    }
    const auto parts =
        test::apply_all(norm_tuning_repair, *original, *quantized, pass, config, layers, held_out);
    CHECK_THAT(parts.front().details,
               ContainsSubstring(fmt::format("held-out KL {:.4f} → ", expected)));
}
