#include "torch_bridge/runtime.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <malloc.h>
#include <tbb/task_scheduler_observer.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <charconv>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/errors.hpp"
#include "core/threads.hpp"

namespace comq {

namespace {

// OpenMP's and MKL's thread counts belong to a thread, so each worker needs its own call. One that
// wakes up while the process ends would find LibTorch's pool of threads destroyed.
class SingleThreadedWorkers : public tbb::task_scheduler_observer {
  public:
    void on_scheduler_entry(bool) override {
        thread_local bool entered = false;
        if (std::exchange(entered, true)) return;
        const std::lock_guard lock(mutex_);
        if (!process_ends_) at::init_num_threads();
    }
    void end() {
        const std::lock_guard lock(mutex_);
        process_ends_ = true;
    }

  private:
    std::mutex mutex_;
    bool process_ends_ = false;
};

// glibc returns large blocks to the kernel at once, and every activation would fault its pages in
// again (on DeiT-Tiny five of six page faults come from that).
void keep_freed_memory() {
#ifdef __GLIBC__
    constexpr int mebibyte = 1 << 20;
    mallopt(M_MMAP_THRESHOLD, 64 * mebibyte);
    mallopt(M_TRIM_THRESHOLD, 256 * mebibyte);
#endif
}

/** cuDNN would otherwise take 10 bits of each fp32 factor, and sum gradients in any order. */
void compute_in_fp32() {
    auto& context = at::globalContext();
    context.setAllowTF32CuDNN(false);
    context.setAllowTF32CuBLAS(false);
    context.setBenchmarkCuDNN(false);
    context.setDeterministicCuDNN(true);
}

}  // namespace

void set_torch_threads(int threads) {
    set_threads(threads);
    keep_freed_memory();
    at::set_num_threads(1);
    static std::once_flag interop;
    // LibTorch refuses a second call, and nothing here uses its inter-operator pool.
    std::call_once(interop, [] { at::set_num_interop_threads(1); });
    // Never destroyed: at exit TBB would leave it to workers to free what they still look at, and
    // where memory is short it crashes on an observer that it could not take. The attribute keeps
    // the pointer, by which leak checkers see that nothing is lost.
    [[gnu::used]] static auto* workers = new SingleThreadedWorkers;
    // After LibTorch has made its pool, so that this comes before the pool's end.
    [[maybe_unused]] static const int registered = std::atexit([] { workers->end(); });
    workers->observe(true);
}

torch::Device parse_device(const std::string& text) {
    if (text == "cpu") return torch::Device(torch::kCPU);
    int index = 0;
    if (text != "cuda") {
        const std::string_view prefix = "cuda:";
        const char* end = text.data() + text.size();
        bool valid = text.starts_with(prefix);
        if (valid) {
            const auto [parsed, error] = std::from_chars(text.data() + prefix.size(), end, index);
            valid = parsed == end && error == std::errc() && index >= 0;
        }
        if (!valid) {
            throw UsageError("device: '{}' is not a device; use cpu, cuda or cuda:N", text);
        }
    }
    const auto devices = static_cast<int>(torch::cuda::device_count());
    if (devices == 0) {
        throw UsageError(
            "device: '{}' can't be used: LibTorch {} finds no CUDA device here; use device: cpu, "
            "or a CUDA build of LibTorch on a machine with a GPU",
            text, torch_version());
    }
    if (index >= devices) {
        throw UsageError("device: '{}' doesn't exist: this machine has {} CUDA device{}", text,
                         devices, devices == 1 ? " (cuda:0)" : "s, numbered from cuda:0");
    }
    compute_in_fp32();
    return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(index));
}

std::string torch_version() { return TORCH_VERSION; }

std::string torch_cpu_capability() {
    const std::string description = at::show_config();
    const std::string_view key = "CPU capability usage: ";
    const auto position = description.find(key);
    if (position == std::string::npos) return "unknown";
    const auto start = position + key.size();
    return description.substr(start, description.find('\n', start) - start);
}

}  // namespace comq
