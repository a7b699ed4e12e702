#include "core/threads.hpp"

#include <tbb/parallel_for.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("Every item is visited once, never more at a time than allowed") {
    std::vector<std::atomic<int>> visits(50);
    std::atomic<int> running = 0;
    std::atomic<int> most = 0;
    visit_in_flight(visits.size(), 2, [&](std::size_t i) {
        const int now = ++running;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ++visits[i];
        --running;
    });
    for (const auto& count : visits) CHECK(count == 1);
    CHECK(most <= 2);
    visit_in_flight(0, 2, [](std::size_t) { FAIL("there is nothing to visit"); });
}

TEST_CASE("An item that fails ends the visits, and none that runs is cut short") {
    std::atomic<int> begun = 0;
    std::atomic<bool> first_failed = false;
    std::atomic<int> steps = 0;
    const auto visit = [&](std::size_t i) {
        ++begun;
        if (i == 0) {
            first_failed = true;
            throw std::runtime_error("item 0");
        }
        while (!first_failed) std::this_thread::yield();
        if (i == 1) {
            tbb::parallel_for(0, 1000, [&](int) { ++steps; });
        } else {
            // An exception is under way for a while, in which the other thread goes on.
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    };
    CHECK_THROWS_AS(visit_in_flight(1000, 2, visit), std::runtime_error);
    CHECK(begun < 1000);
    CHECK((steps == 0 || steps == 1000));
}
