#include "core/threads.hpp"

#include <dlfcn.h>
#include <sched.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <memory>
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

}  // namespace comq
