#include "experiment/predict.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <vector>

#include "core/errors.hpp"
#include "experiment/runs.hpp"
#include "passes/pass_over.hpp"
#include "support/catch.hpp"
#include "support/memory_source.hpp"

using namespace comq;

namespace {

/** The sizes of the batches that a network sees, ascending. */
class BatchSizes : public Tap {
  public:
    explicit BatchSizes(const Observable& first) : first_(&first) {}
    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override {
        const std::lock_guard lock(mutex_);
        if (&layer == first_) sizes_.push_back(input.size(0));
        return input;
    }
    std::vector<int64_t> sorted() const {
        auto sizes = sizes_;
        std::ranges::sort(sizes);
        return sizes;
    }

  private:
    const Observable* first_;
    std::mutex mutex_;
    std::vector<int64_t> sizes_;
};

/** Sets `stop` when a network has seen so many batches. */
class StopAfter : public Tap {
  public:
    StopAfter(const Observable& first, int batches, std::atomic<bool>& stop)
        : first_(&first), left_(batches), stop_(stop) {}
    torch::Tensor on_input(const Observable& layer, const torch::Tensor& input) override {
        if (&layer == first_ && --left_ == 0) stop_ = true;
        return input;
    }

  private:
    const Observable* first_;
    std::atomic<int> left_;
    std::atomic<bool>& stop_;
};

}  // namespace

TEST_CASE("a resumed evaluation has the batches of an undisturbed one") {
    const auto loaded = test::shipped_config("demo_cnn_4bit", test::temporary_folder());
    const auto model = load_model(loaded.config.model, torch::kCPU);
    const test::MemorySource source(14, 32, 10, {4});
    const auto& first = *model.network->layers().front().layer;

    RunJournal journal = test::new_journal(loaded);
    BadImages bad(1);
    const auto pass = test::pass_over(source, "demo_cnn", 4, bad);
    BatchSizes undisturbed(first);
    const auto whole =
        predict(*model.network, quantized_network, pass, journal, {.tap = &undisturbed});
    CHECK(whole.size() == 13);
    CHECK(undisturbed.sorted() == std::vector<int64_t>{2, 3, 4, 4});

    // The first two batches were finished, all but the image that can't be read.
    journal.remove();
    RunJournal half = test::new_journal(loaded);
    Predictions finished;
    for (std::size_t i = 0; i < 7; ++i) append_image(finished, whole, i);
    half.store_predictions({quantized_network, finished});
    BatchSizes resumed(first);
    const auto rest = predict(*model.network, quantized_network, pass, half, {.tap = &resumed});
    CHECK(resumed.sorted() == std::vector<int64_t>{2, 4});
    CHECK(rest.image == whole.image);
    CHECK(rest.prediction == whole.prediction);
    CHECK(rest.margin == whole.margin);
}

TEST_CASE("an evaluation that is stopped keeps the batches that it has finished") {
    const auto loaded = test::shipped_config("demo_cnn_4bit", test::temporary_folder());
    const auto model = load_model(loaded.config.model, torch::kCPU);
    const test::MemorySource source(40, 32, 10);
    BadImages bad(0);
    std::atomic<bool> stop{false};
    const auto pass = test::pass_over(source, "demo_cnn", 4, bad, stop);
    StopAfter stopping(*model.network->layers().front().layer, 3, stop);

    RunJournal journal = test::new_journal(loaded);
    CHECK_THROWS_AS(predict(*model.network, quantized_network, pass, journal, {.tap = &stopping}),
                    Interrupted);
    const auto kept = journal.predictions(quantized_network).size();
    CHECK(kept >= 8);
    CHECK(kept < 40);
}

TEST_CASE("blocks of predictions are stored by their age, and by their images") {
    const auto loaded = test::shipped_config("demo_cnn_4bit", test::temporary_folder());
    const auto model = load_model(loaded.config.model, torch::kCPU);
    const test::MemorySource source(40, 32, 10);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 4, bad);
    const auto blocks_of = [&](const UnsavedPredictions& most) {
        RunJournal journal = test::new_journal(loaded);
        CHECK(predict(*model.network, quantized_network, pass, journal, {}, most).size() == 40);
        const std::filesystem::directory_iterator parts(journal.folder());
        const auto blocks = std::count_if(begin(parts), end(parts), [](const auto& part) {
            return part.path().filename().string().starts_with("predictions.");
        });
        journal.remove();
        return blocks;
    };
    CHECK(blocks_of({.age = std::chrono::hours(1)}) == 1);
    CHECK(blocks_of({.age = std::chrono::seconds(0)}) == 10);
    CHECK(blocks_of({.images = 16, .age = std::chrono::hours(1)}) == 3);
}

TEST_CASE("divergences are the same from computed, stored and cached probabilities") {
    const auto loaded = test::shipped_config("demo_cnn_4bit", test::temporary_folder());
    const auto model = load_model(loaded.config.model, torch::kCPU);
    const test::MemorySource source(6, 32, 10);
    const CacheFolder cache(test::temporary_folder(), int64_t{1} << 30);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_cnn", 4, bad);
    const auto expected_from = [&](RunJournal& journal) {
        return predict_full_precision(*model.network, pass, journal, cache,
                                      {full_precision_network, "key"});
    };
    RunJournal journal = test::new_journal(loaded);
    const auto computed = expected_from(journal);
    CHECK(computed.log_probability.size() == 60);
    journal.remove();
    RunJournal empty = test::new_journal(loaded);
    const auto cached = expected_from(empty);
    CHECK(cached.log_probability == computed.log_probability);
    CHECK(std::ranges::all_of(cached.divergence, [](double kl) { return std::isnan(kl); }));

    const auto same =
        predict(*model.network, quantized_network, pass, empty, {.full_precision = &cached});
    // Half precision is all that parts a network from itself.
    for (const double kl : same.divergence) CHECK(std::abs(kl) < 1e-6);
    empty.remove();
    {
        const torch::NoGradGuard no_grad;
        model.network->layers().front().layer->weight().mul_(0.5);
    }
    RunJournal another = test::new_journal(loaded);
    const auto changed =
        predict(*model.network, quantized_network, pass, another, {.full_precision = &computed});
    for (const double kl : changed.divergence) CHECK(kl > 1e-6);
}
