#include "core/threads.hpp"

#include <dlfcn.h>
#include <sched.h>
#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace comq {

namespace {

int configured_threads = 0;

// The BLAS behind LibTorch is known only at run time: whichever of these is loaded is set.
void call_if_loaded(const char* function_name, int argument) {
    if (void* symbol = dlsym(RTLD_DEFAULT, function_name)) {
        reinterpret_cast<void (*)(int)>(symbol)(argument);
    }
}

}  // namespace

int available_cores() {
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(1, CPU_COUNT(&cores));
    return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

void set_threads(int threads) {
    static std::unique_ptr<tbb::global_control> limit;
    configured_threads = threads;
    limit = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                  static_cast<std::size_t>(threads));
    call_if_loaded("omp_set_num_threads", 1);
    call_if_loaded("openblas_set_num_threads", 1);
    call_if_loaded("bli_thread_set_num_threads", 1);
}

int thread_count() { return configured_threads > 0 ? configured_threads : available_cores(); }

void visit_in_flight(std::size_t count, int at_once,
                     const std::function<void(std::size_t)>& visit) {
    std::size_t next = 0;
    std::atomic<bool> failed = false;
    std::mutex mutex;
    std::exception_ptr failure;
    const auto number = [&](tbb::flow_control& control) -> std::size_t {
        if (next == count || failed) {
            control.stop();
            return 0;
        }
        return next++;
    };
    const auto visit_one = [&](std::size_t i) {
        // TBB may not see the exception: it would cancel the loops inside the other items, which
        // would then take half of their work for the whole.
        try {
            tbb::this_task_arena::isolate([&] { visit(i); });
        } catch (...) {
            const std::scoped_lock lock(mutex);
            if (!failure) failure = std::current_exception();
            failed = true;
        }
    };
    tbb::parallel_pipeline(
        static_cast<std::size_t>(at_once),
        tbb::make_filter<void, std::size_t>(tbb::filter_mode::serial_in_order, number) &
            tbb::make_filter<std::size_t, void>(tbb::filter_mode::parallel, visit_one));
    if (failure) std::rethrow_exception(failure);
}

}  // namespace comq
