#include <tuple>

#include "core/errors.hpp"
#include "networks.hpp"
#include "repair/repair.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Returns the norms that were estimated. */
int64_t estimate(Network& network, const ImagePass& pass) {
    return test::apply(reestimate_batch_norm_repair, network, network, pass).count;
}

}  // namespace

TEST_CASE("every BatchNorm of the CNNs is paired with its convolution") {
    const auto [name, pairs] =
        GENERATE(std::make_tuple("resnet18", 20u), std::make_tuple("cifar10_resnet20", 19u),
                 std::make_tuple("mobilenet_v2", 52u), std::make_tuple("vgg16_bn", 13u),
                 std::make_tuple("efficientnet_lite0", 49u), std::make_tuple("squeezenet1_1", 0u),
                 std::make_tuple("deit_tiny_patch16_224", 0u));
    INFO(name);
    const auto network = find_model(name).make();
    CHECK(conv_norm_pairs(*network).size() == pairs);
}

TEST_CASE("folding moves the scales of norms into weights and keeps the function") {
    const std::string name = GENERATE("cifar10_resnet20", "demo_cnn");
    const auto network = test::hash_network(name), original = test::hash_network(name);
    const torch::NoGradGuard no_gradient;
    const auto pairs = conv_norm_pairs(*network);
    CHECK(fold_batch_norm_repair.prepare(*network, 32).count == std::ssize(pairs));

    torch::manual_seed(1);
    const auto images = torch::randn({4, 3, 32, 32});
    const auto expected = original->forward(images);
    CHECK(((network->forward(images) - expected).norm() / expected.norm()).item<double>() < 1e-5);

    const auto before = conv_norm_pairs(*original);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        auto& norm = *before[i].norm;
        const auto& [mean, variance, eps, of_each_batch] = *norm.batch_statistics();
        const auto scale = norm.weight() / (variance + eps).sqrt();
        CHECK(torch::allclose(pairs[i].convolution->weight(),
                              before[i].convolution->weight() * scale.view({-1, 1, 1, 1}), 1e-5,
                              1e-7));
        CHECK(torch::equal(pairs[i].norm->batch_statistics()->mean, torch::zeros_like(mean)));
    }
    // A second time there is nothing left to move.
    const auto folded = pairs[0].convolution->weight().clone();
    fold_batch_norm_repair.prepare(*network, 32);
    CHECK(torch::allclose(pairs[0].convolution->weight(), folded, 1e-6, 0.0));
}

TEST_CASE("statistics estimated on one batch are those of the batch") {
    const auto network = test::hash_network("demo_cnn");
    const test::MemorySource source(12, 32);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 12, bad);
    const auto pairs = conv_norm_pairs(*network);
    CHECK(estimate(*network, pass) == std::ssize(pairs));

    const torch::NoGradGuard no_gradient;
    // Nothing is before the first convolution.
    auto& convolution = dynamic_cast<Conv2dImpl&>(*pairs[0].convolution);
    const auto seen = convolution.forward(test::pixels_of(pass));
    const BatchStatistics& found = *pairs[0].norm->batch_statistics();
    CHECK_FALSE(found.of_each_batch);
    CHECK(torch::allclose(found.mean, seen.mean({0, 2, 3}), 1e-4, 1e-6));
    const auto by_channel = seen.transpose(0, 1).flatten(1);
    CHECK(torch::allclose(found.variance, by_channel.var(1), 1e-4, 1e-6));
}

TEST_CASE("means of several batches are the mean of all images") {
    const test::MemorySource source(12, 32);
    const auto network = test::hash_network("demo_cnn"), whole = test::hash_network("demo_cnn");
    BadImages bad(0);
    estimate(*network, test::pass_over(source, "demo_cnn", GENERATE(4, 5), bad));
    estimate(*whole, test::pass_over(source, "demo_cnn", 12, bad));
    const auto& first = *conv_norm_pairs(*network)[0].norm->batch_statistics();
    const auto& all = *conv_norm_pairs(*whole)[0].norm->batch_statistics();
    CHECK(torch::allclose(first.mean, all.mean, 1e-4, 1e-6));
    // Unbiased variances of parts and whole differ by the order of 1 / pixels.
    CHECK(torch::allclose(first.variance, all.variance, 1e-2, 1e-6));
}

TEST_CASE("images that come class by class are mixed before their statistics are taken") {
    // Dark images, then bright ones: a batch of either alone has no contrast between them left
    // behind the first norm.
    class SortedSource : public test::MemorySource {
      public:
        SortedSource() : MemorySource(64, 32, 2) {}
        RgbImage load(int64_t index) const override {
            auto image = MemorySource::load(index);
            for (auto& value : image.pixels) value = value / 4 + (index < 32 ? 0 : 190);
            return image;
        }
    };
    const SortedSource source;
    const auto network = test::hash_network("demo_cnn"), whole = test::hash_network("demo_cnn");
    BadImages bad(0);
    estimate(*network, test::pass_over(source, "demo_cnn", 16, bad));
    estimate(*whole, test::pass_over(source, "demo_cnn", 64, bad));
    const auto pairs = conv_norm_pairs(*network), all = conv_norm_pairs(*whole);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto expected = all[i].norm->batch_statistics()->variance;
        const auto distance =
            (pairs[i].norm->batch_statistics()->variance - expected).norm() / expected.norm();
        INFO("norm " << i);
        CHECK(distance.item<double>() < 0.2);
    }
}

TEST_CASE("a stop request interrupts the estimate") {
    const auto network = test::hash_network("demo_cnn");
    const test::MemorySource source(4, 32);
    const std::atomic<bool> stop{true};
    BadImages bad(0);
    CHECK_THROWS_AS(estimate(*network, test::pass_over(source, "demo_cnn", 2, bad, stop)),
                    Interrupted);
}
