#include "core/background_queue.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("Tasks run in order, on another thread, and all before the queue is gone") {
    std::vector<int> order;
    std::thread::id thread;
    {
        BackgroundQueue queue(2);
        for (int i = 0; i < 20; ++i) {
            queue.push([&, i] {
                order.push_back(i);
                thread = std::this_thread::get_id();
            });
        }
    }
    REQUIRE(order.size() == 20);
    for (int i = 0; i < 20; ++i) CHECK(order[i] == i);
    CHECK(thread != std::this_thread::get_id());
}

TEST_CASE("A task waits for room, and finish waits for the tasks") {
    std::atomic<bool> go = false;
    std::atomic<int> done = 0;
    std::atomic<bool> pushed = false;
    BackgroundQueue queue(1);
    queue.push([&] {
        go.wait(false);
        ++done;
    });
    std::thread second([&] {
        for (int i = 0; i < 2; ++i) queue.push([&] { ++done; });
        pushed = true;
    });
    CHECK_FALSE(pushed);  // the first runs or waits, the second waits, the third has no room
    go = true;
    go.notify_all();
    second.join();
    queue.finish();
    CHECK(done == 3);
}

TEST_CASE("What a task throws comes out, and the tasks behind it are dropped") {
    std::atomic<bool> go = false;
    std::atomic<int> done = 0;
    BackgroundQueue queue(4);
    queue.push([&] {
        go.wait(false);
        throw std::runtime_error("the disk is full");
    });
    queue.push([&] { ++done; });
    go = true;
    go.notify_all();
    CHECK_THROWS_WITH(queue.finish(), "the disk is full");
    CHECK_THROWS_WITH(queue.push([&] { ++done; }), "the disk is full");
    CHECK(done == 0);
}
