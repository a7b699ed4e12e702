#include "experiment/predict.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

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
    const auto whole = predict(*model.network, quantized_network, pass, journal, &undisturbed);
    CHECK(whole.size() == 13);
    CHECK(undisturbed.sorted() == std::vector<int64_t>{2, 3, 4, 4});

    // The first two batches were finished, all but the image that can't be read.
    journal.remove();
    RunJournal half = test::new_journal(loaded);
    Predictions finished = whole;
    for (auto* column : {&finished.image, &finished.label, &finished.prediction, &finished.rank}) {
        column->resize(7);
    }
    half.store_predictions({quantized_network, finished});
    BatchSizes resumed(first);
    const auto rest = predict(*model.network, quantized_network, pass, half, &resumed);
    CHECK(resumed.sorted() == std::vector<int64_t>{2, 4});
    CHECK(rest.image == whole.image);
    CHECK(rest.prediction == whole.prediction);
}
