#include "data/recent_values.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("the most recent values are computed once") {
    RecentValues<int, int> values(2);
    int computed = 0;
    const auto get = [&](int key) {
        return *values.get(key, [&] { return ++computed > 0 ? 10 * key : 0; });
    };
    CHECK(get(1) == 10);
    CHECK(get(2) == 20);
    CHECK(get(1) == 10);
    CHECK(computed == 2);
    CHECK(get(3) == 30);  // 2 was used longest ago
    CHECK(get(1) == 10);
    CHECK(computed == 3);
    CHECK(get(2) == 20);
    CHECK(computed == 4);

    CHECK_THROWS_AS(values.get(9, []() -> int { throw std::runtime_error("broken"); }),
                    std::runtime_error);
    CHECK(*values.get(9, [] { return 90; }) == 90);

    std::atomic<int> calls = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] { values.get(50, [&] { return calls.fetch_add(1); }); });
    }
    for (auto& thread : threads) thread.join();
    CHECK(calls == 1);
}
