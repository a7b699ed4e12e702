#include "evaluation/evaluate.hpp"

#include <limits>

#include "core/errors.hpp"
#include "networks/hash_weights.hpp"
#include "passes/pass_over.hpp"
#include "support/catch.hpp"
#include "support/memory_source.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

Predictions evaluate_quietly(const Network& network, const ImageSource& source, BadImages& bad,
                             const std::atomic<bool>& stop = test::never_stop) {
    const auto pass = test::pass_over(source, "demo_vit", 4, bad, stop);
    Progress progress("test", "images", 1);
    return evaluate(network, pass, progress);
}

std::shared_ptr<Network> hash_network() {
    auto network = find_model("demo_vit").make();
    test::set_hash_weights(*network);
    return network;
}

}  // namespace

TEST_CASE("predictions equal the network's own logits, in the order of the images") {
    const test::MemorySource source(11, 32);
    const auto network = hash_network();
    for (const int threads : {1, 3}) {
        set_torch_threads(threads);
        BadImages bad(0);
        const auto predictions = evaluate_quietly(*network, source, bad);
        REQUIRE(predictions.image == test::pass_over(source, "demo_vit", 4, bad).images.indices);
        for (int64_t i = 0; i < source.size(); ++i) {
            const torch::NoGradGuard no_grad;
            auto pixels = torch::empty({1, 3, 32, 32});
            normalize(source.load(i), find_model("demo_vit").preprocessing,
                      pixels.data_ptr<float>());
            const auto logits = network->forward(pixels)[0];
            const auto at = static_cast<std::size_t>(i);
            CHECK(predictions.prediction[at] == logits.argmax().item<int64_t>());
            CHECK(predictions.label[at] == source.info(i).label);
            CHECK(predictions.rank[at] ==
                  (logits > logits[predictions.label[at]]).sum().item<int64_t>());
        }
    }
}

TEST_CASE("divergences and margins equal those of explicit softmaxes") {
    const test::MemorySource source(5, 32);
    const auto network = hash_network();
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_vit", 4, bad);
    Progress progress("test", "images", 1);
    const auto before = evaluate(*network, pass, progress, {.log_probabilities = true});
    const auto logits_of = [&](int64_t image) {
        const torch::NoGradGuard no_grad;
        auto pixels = torch::empty({1, 3, 32, 32});
        normalize(source.load(image), find_model("demo_vit").preprocessing,
                  pixels.data_ptr<float>());
        return network->forward(pixels)[0].to(torch::kDouble);
    };
    std::vector<torch::Tensor> full_precision;
    for (int64_t i = 0; i < source.size(); ++i) full_precision.push_back(logits_of(i));
    {
        const torch::NoGradGuard no_grad;
        network->layers().back().layer->weight().mul_(3);
    }
    const auto after = evaluate(*network, pass, progress, {.full_precision = &before});
    CHECK(after.log_probability.empty());
    for (std::size_t i = 0; i < after.size(); ++i) {
        const auto p = full_precision[i].softmax(0);
        const auto logits = logits_of(after.image[i]);
        const double kl = (p * (p.log() - logits.log_softmax(0))).sum().item<double>();
        // Half precision rounds log p by 2⁻¹¹ of itself, and what it adds is of second order.
        CHECK(after.divergence[i] == Approx(kl).epsilon(2e-3));
        const auto sorted = std::get<0>(logits.sort(0, true));
        CHECK(after.margin[i] == Approx((sorted[0] - sorted[1]).item<double>()).epsilon(1e-5));
    }
}

TEST_CASE("unreadable images are left out of the predictions") {
    const test::MemorySource source(9, 32, 10, {4});
    BadImages bad(1);
    const auto predictions = evaluate_quietly(*hash_network(), source, bad);
    CHECK(predictions.image == std::vector<int64_t>{0, 1, 2, 3, 5, 6, 7, 8});
}

TEST_CASE("what can't be evaluated names the image and the key") {
    BadImages bad(0);
    const auto network = hash_network();
    const test::MemorySource unlabelled(2, 32, 0);
    CHECK_THROWS_WITH(evaluate_quietly(*network, unlabelled, bad),
                      ContainsSubstring("image-0") && ContainsSubstring("data.evaluation"));
    const test::MemorySource too_many_classes(12, 32, 11);
    CHECK_THROWS_WITH(evaluate_quietly(*network, too_many_classes, bad),
                      ContainsSubstring("image-10") && ContainsSubstring("10 classes"));
    {
        const torch::NoGradGuard no_grad;
        network->layers().back().layer->weight().fill_(std::numeric_limits<float>::infinity());
    }
    const test::MemorySource source(2, 32);
    CHECK_THROWS_WITH(evaluate_quietly(*network, source, bad), ContainsSubstring("NaN"));
}

TEST_CASE("a stop request interrupts the evaluation") {
    const test::MemorySource source(2, 32);
    BadImages bad(0);
    const std::atomic<bool> stop{true};
    CHECK_THROWS_AS(evaluate_quietly(*hash_network(), source, bad, stop), Interrupted);
}

namespace {

/** The images of another source with several right classes, or with few that may be predicted. */
class OtherClasses : public test::MemorySource {
  public:
    OtherClasses(std::vector<int64_t> right, std::vector<int64_t> valid)
        : MemorySource(8, 32), right_(std::move(right)), valid_(std::move(valid)) {}
    std::vector<int64_t> labels(int64_t /*index*/) const override { return right_; }
    std::vector<int64_t> valid_classes() const override { return valid_; }

  private:
    std::vector<int64_t> right_;
    std::vector<int64_t> valid_;
};

}  // namespace

TEST_CASE("any of several right classes counts, and only valid classes are predicted") {
    const auto network = hash_network();
    BadImages bad(0);
    const auto plain = evaluate_quietly(*network, test::MemorySource(8, 32), bad);
    const OtherClasses all_right({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {});
    const auto every = evaluate_quietly(*network, all_right, bad);
    CHECK(every.prediction == plain.prediction);
    CHECK(every.label == plain.prediction);
    CHECK(every.rank == std::vector<int64_t>(8, 0));

    const auto two = evaluate_quietly(*network, OtherClasses({3}, {3, 8}), bad);
    for (std::size_t i = 0; i < two.size(); ++i) {
        CHECK((two.prediction[i] == 3 || two.prediction[i] == 8));
        CHECK(two.rank[i] == (two.prediction[i] == 3 ? 0 : 1));
    }
}
