#include "passes/logit_divergence.hpp"
#include "passes/divergence_trials.hpp"

#include <fmt/format.h>
#include <tbb/global_control.h>

#include <cmath>
#include <numeric>

#include "experiment/runs.hpp"
#include "passes/pass_over.hpp"
#include "support/catch.hpp"
#include "support/memory_source.hpp"

using namespace comq;

namespace {

/** Two copies of a demo network and held-out images of it, before the first block. */
struct TwoNetworks {
    ExperimentConfig config;
    RunImages images;
    LoadedModel full_precision;
    LoadedModel quantized;
    BadImages bad{0};
    ImagePass pass;
    SideBySide walk;

    explicit TwoNetworks(const std::string& name, int held_out = 10)
        : config(test::shipped_config(
                     name, test::temporary_folder(),
                     {"calibration.images=4", fmt::format("calibration.holdout={}", held_out),
                      "calibration.batch_size=4"})
                     .config),
          images(open_images(config)),
          full_precision(load_model(config.model, torch::kCPU)),
          quantized(load_model(config.model, torch::kCPU)),
          pass(test::pass_over(*images.calibration_source, config.model.name, 4, bad)),
          walk(*full_precision.network, *quantized.network, pass.over(images.calibration.fitted),
               images.calibration.held_out, test::temporary_folder() / "spool", "testing") {}

    /** KL(p ‖ p̃) of whole networks on each held-out image, one image at a time. */
    double expected() {
        const torch::NoGradGuard no_gradient;
        const auto images_held_out = test::pixels_of(pass.over(images.calibration.held_out));
        torch::Tensor sum = torch::zeros({}, torch::kDouble);
        for (const auto& pixels : images_held_out.split(1)) {
            const auto probabilities = [&](const LoadedModel& model) {
                return torch::softmax(model.network->forward(pixels).to(torch::kDouble), 1);
            };
            const auto p = probabilities(full_precision), q = probabilities(quantized);
            sum += (p * (p / q).log()).sum();
        }
        return sum.item<double>() / static_cast<double>(images_held_out.size(0));
    }

    void disturb(std::size_t layer, double factor = 1.3) {
        const torch::NoGradGuard no_gradient;
        auto weight = quantized.network->layers()[layer].layer->weight();
        weight.mul_(factor);
    }
};

}  // namespace

TEST_CASE("the divergence of logits is that of the whole networks, from any step") {
    TwoNetworks networks(GENERATE("demo_vit_4bit", "demo_cnn_4bit"));
    const LogitDivergence divergence(networks.walk);
    CHECK(divergence.measure() == 0.0);
    const auto& layers = networks.quantized.network->layers();
    for (const std::size_t layer : {std::size_t{1}, layers.size() / 2, layers.size() - 1}) {
        networks.walk.advance_to(layers[layer].step);
        networks.disturb(layer);
        networks.walk.diverge();
        const double measured = divergence.measure();
        CHECK(measured > 0.0);
        // Batches of another size move fp32 logits by 1e-6, and so a divergence d by 1e-6·√(2d).
        CHECK(measured == Approx(networks.expected()).margin(4e-6 * std::sqrt(measured)));
        const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
        CHECK(divergence.measure() == measured);
    }
}

TEST_CASE("a trial of changes that loses ends early, and the least is what all images say") {
    TwoNetworks networks("demo_vit_4bit", 40);
    const std::size_t layer = 2;
    networks.walk.diverge();
    const LogitDivergence divergence(networks.walk);
    // Each factor is of the weight as the trial before left it; powers of two round nothing.
    networks.disturb(layer, 4.0);
    const auto first = divergence.measure_images();
    networks.disturb(layer, 2.0);
    const auto loses = divergence.measure_images();
    networks.disturb(layer, 0.25);
    const double wins = divergence.measure();
    networks.disturb(layer, 0.5);

    const auto tried = [&] {
        DivergenceTrials trials(divergence);
        std::vector<double> found;
        CHECK(std::isinf(trials.least()));
        for (const double factor : {4.0, 2.0, 0.25}) {
            networks.disturb(layer, factor);
            found.push_back(trials.measure());
        }
        CHECK(trials.least() == found[2]);
        networks.disturb(layer, 0.5);
        return found;
    };
    const auto found = tried();
    const auto mean = [](const std::vector<double>& images, std::size_t count) {
        return std::accumulate(images.begin(), images.begin() + static_cast<std::ptrdiff_t>(count),
                               0.0) /
               static_cast<double>(count);
    };
    CHECK(found[0] == mean(first, 40));
    const auto images = worse_after(loses, first);
    REQUIRE(images);
    CHECK(*images == 16);
    CHECK(found[1] == Approx(mean(first, 40) + mean(loses, 16) - mean(first, 16)));
    CHECK(found[2] == Approx(wins));
    CHECK(found[2] < found[0]);
    const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    CHECK(tried() == found);
}

TEST_CASE("a walk needs an image of each kind that it is to read") {
    const auto model = load_model(
        test::shipped_config("demo_vit_4bit", test::temporary_folder()).config.model, torch::kCPU);
    const test::MemorySource source(4, 32, 10, {0, 3});
    const auto read = [&](const CalibrationImages& images) {
        BadImages bad(1);
        const auto pass = test::pass_over(source, "demo_vit", 2, bad).over(images.fitted);
        const SideBySide walk(*model.network, *model.network, pass, images.held_out,
                              test::temporary_folder() / "spool", "testing");
        return walk.held_out().size();
    };
    CHECK(read({{1, 2}, {}}) == 0);
    CHECK(read({{0, 1}, {2}}) == 1);
    CHECK_THROWS_WITH(read({{0}, {1}}), ContainsSubstring("none of the 1 images can be read"));
    CHECK_THROWS_WITH(read({{1, 2}, {3}}),
                      ContainsSubstring("none of the 1 held-out images can be read"));
}
