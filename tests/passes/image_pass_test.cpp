#include "passes/image_pass.hpp"

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "core/errors.hpp"
#include "passes/pass_over.hpp"
#include "support/catch.hpp"
#include "support/memory_source.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

TEST_CASE("a pass shows every image once, in the same batches for any number of threads") {
    const test::MemorySource source(11, 32, 10, {4});
    set_torch_threads(GENERATE(1, 3));
    BadImages bad(1);
    const auto pass = test::pass_over(source, "demo_vit", 4, bad);
    CHECK(pass.batches() == 3);
    std::mutex mutex;
    std::set<std::vector<int64_t>> seen;
    pass.run("test", "testing", [&](const torch::Tensor& pixels, const ImageBatch& batch) {
        const std::lock_guard lock(mutex);
        seen.insert(batch.indices);
        CHECK(pixels.sizes() == torch::IntArrayRef({std::ssize(batch.indices), 3, 32, 32}));
    });
    CHECK(seen == std::set<std::vector<int64_t>>{{0, 1, 2, 3}, {5, 6, 7}, {8, 9, 10}});
    CHECK(bad.count() == 1);
}

TEST_CASE("a pass in order follows the images that it is over") {
    const test::MemorySource source(6, 32);
    BadImages bad(0);
    const auto whole = test::pass_over(source, "demo_vit", 6, bad);
    const auto chosen = test::pixels_of(whole.over({5, 0, 3}).in_batches_of(2));
    CHECK(torch::equal(chosen, test::pixels_of(whole).index_select(0, torch::tensor({5, 0, 3}))));
}

TEST_CASE("bodies record gradients where the caller does, whichever thread they run on") {
    const test::MemorySource source(200, 32);
    set_torch_threads(3);
    BadImages bad(0);
    const auto pass = test::pass_over(source, "demo_vit", 1, bad);
    const bool recorded = GENERATE(false, true), in_order = GENERATE(false, true);
    const torch::AutoGradMode mode(recorded);
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::set<bool> seen;
    const auto body = [&](const torch::Tensor&, const ImageBatch&) {
        {
            const std::lock_guard lock(mutex);
            threads.insert(std::this_thread::get_id());
            seen.insert(torch::GradMode::is_enabled());
        }
        // So that other threads come to run some.
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    if (in_order) {
        Progress progress("test", "images", pass.count());
        pass.run_in_order(progress, "testing", [&](const auto& pixels, const auto& batch) {
            body(pixels, batch);
            return std::string();
        });
    } else {
        pass.run("test", "testing", body);
        CHECK(threads.size() > 1);
    }
    CHECK(seen == std::set<bool>{recorded});
}

TEST_CASE("a pass says what it was doing when it is stopped") {
    const test::MemorySource source(6, 32);
    BadImages bad(0);
    const std::atomic<bool> stop{true};
    const auto pass = test::pass_over(source, "demo_vit", 2, bad, stop);
    CHECK_THROWS_WITH(pass.run("test", "testing", [](const torch::Tensor&, const ImageBatch&) {}),
                      ContainsSubstring("interrupted while testing"));
    CHECK_THROWS_AS(test::pixels_of(pass), Interrupted);
}
