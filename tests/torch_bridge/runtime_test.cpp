#include "torch_bridge/runtime.hpp"

#include <dlfcn.h>
#include <tbb/parallel_for.h>
#include <torch/cuda.h>

#include <atomic>

#include "core/child_process.hpp"
#include "core/errors.hpp"
#include "core/threads.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("a device is cpu, cuda or cuda:N") {
    CHECK(parse_device("cpu").is_cpu());
    for (const char* text : {"", "gpu", "CPU", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:1x",
                             "cuda0", "cuda:999999999999"}) {
        CHECK_THROWS_WITH(parse_device(text), ContainsSubstring("use cpu, cuda or cuda:N"));
    }
    if (torch::cuda::device_count() == 0) {
        CHECK_THROWS_WITH(parse_device("cuda:1"), ContainsSubstring("finds no CUDA device"));
        CHECK_THROWS_AS(parse_device("cuda"), UsageError);
    } else {
        CHECK(parse_device("cuda") == torch::Device(torch::kCUDA, 0));
        CHECK_THROWS_WITH(parse_device("cuda:100"), ContainsSubstring("doesn't exist"));
    }
}

TEST_CASE("operators run on the calling thread, in the workers too") {
    set_torch_threads(2);
    CHECK(thread_count() == 2);
    CHECK(at::get_num_threads() == 1);
    CHECK_NOTHROW(set_torch_threads(3));

    auto* openmp_threads = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
    if (openmp_threads == nullptr) return;  // a LibTorch without OpenMP
    std::atomic<int> most{0};
    tbb::parallel_for(0, 1000, [&](int) {
        const int threads = openmp_threads();
        int seen = most.load();
        while (threads > seen && !most.compare_exchange_weak(seen, threads)) {
        }
    });
    CHECK(most == 1);
}

TEST_CASE("a worker that wakes up while the process ends leaves LibTorch alone") {
    const auto log = test::temporary_folder() / "log";
    ChildProcess child({"/usr/bin/env", "OMP_NUM_THREADS=3", COMQ_LATE_WORKER}, log);
    REQUIRE(child.wait() == 0);
    const std::string printed = test::text_of(log);
    const bool without_openmp = printed.empty();
    CHECK((without_openmp || printed == "3\n"));  // LibTorch would have set it to 1
}

TEST_CASE("the build and its kernels can be named") {
    CHECK_THAT(torch_version(), ContainsSubstring("."));
    CHECK_FALSE(torch_cpu_capability().empty());
    CHECK(torch_cpu_capability() != "unknown");
}
