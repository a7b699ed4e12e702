#include "repair/expected_logits.hpp"

#include "networks.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

constexpr int64_t image_count = 10;

/** `‖kept − computed‖ / ‖computed‖` over the batches of an epoch. */
double distance(const ExpectedLogits& kept, const Network& network, const TrainingImages& images,
                const ImagePass& pass, int64_t epoch) {
    double difference = 0.0, all = 0.0;
    Progress progress("comparing", "images", pass.count());
    images.epoch(pass, epoch)
        .run_in_order(
            progress, "comparing", [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                const torch::NoGradGuard no_gradient;
                const auto computed = network.forward(pixels);
                difference += (kept.of(batch, epoch) - computed).square().sum().item<double>();
                all += computed.square().sum().item<double>();
                return std::string();
            });
    return std::sqrt(difference / all);
}

}  // namespace

TEST_CASE("logits that are kept are those of the images as each epoch shows them") {
    const auto network = test::hash_network("demo_cnn");
    const test::MemorySource source(image_count, 32, 0);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 4, bad);
    RepairConfig config;
    for (const bool flips : {true, false}) {
        config.flips = flips;
        CHECK(ExpectedLogits::forms(config) == (flips ? 2 : 1));
        const TrainingImages images(config, 5);
        const ExpectedLogits kept(*network, images, pass);
        for (int64_t epoch = 0; epoch < 4; ++epoch) {
            // fp32, in another order of sums where a batch has another size.
            CHECK(distance(kept, *network, images, pass, epoch) < 1e-5);
        }
        int64_t mirrored = 0;
        for (int64_t image = 0; image < image_count; ++image) {
            mirrored += images.is_mirrored(image, 0);
        }
        CHECK((mirrored > 0) == flips);
        CHECK(mirrored < image_count);
    }
}

TEST_CASE("logits of images that could not be read are not made up") {
    const auto network = test::hash_network("demo_cnn");
    const test::MemorySource source(image_count, 32, 0, {3});
    BadImages bad(1);
    const auto pass = test::pass_over(source, "demo_cnn", 4, bad);
    const RepairConfig config;
    const TrainingImages images(config, 5);
    const ExpectedLogits kept(*network, images, pass);
    ImageBatch batch;
    batch.indices = {1, 2};
    CHECK(kept.of(batch, 0).size(0) == 2);
    batch.indices = {1, 3};
    CHECK_FALSE(kept.of(batch, 0).defined());
}

TEST_CASE("logits of images that are drawn anew each time are not kept") {
    RepairConfig config;
    config.crops = true;
    CHECK(ExpectedLogits::forms(config) == 0);
    config.crops = false;
    config.mixtures = true;
    CHECK(ExpectedLogits::forms(config) == 0);
}
