#include <dlfcn.h>
#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "torch_bridge/runtime.hpp"

namespace {

/** Has work for a second thread while the process ends: prints how many OpenMP lets it have. */
struct LateWork {
    ~LateWork() {
        auto* openmp_threads =
            reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
        if (openmp_threads == nullptr) return;
        using Clock = std::chrono::steady_clock;
        const auto deadline = Clock::now() + std::chrono::seconds(30);
        const auto caller = std::this_thread::get_id();
        std::atomic<int> arrived{0};
        std::atomic<int> seen{0};
        tbb::parallel_for(
            0, 2,
            [&](int) {
                ++arrived;
                while (arrived < 2 && Clock::now() < deadline) std::this_thread::yield();
                if (std::this_thread::get_id() != caller) seen = openmp_threads();
            },
            tbb::simple_partitioner());
        fmt::print("{}\n", seen.load());
    }
};

const LateWork late_work;

}  // namespace

int main() { comq::set_torch_threads(2); }
