#pragma once

#include "torch_bridge/torch.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "results/run_record.hpp"

namespace comq::bench {

class Stopwatch {
  public:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point start_ = Clock::now();
};

/** Shortest time of `repeats` calls after one that is not counted. */
double best_seconds(int repeats, const std::function<void()>& work);

/** Rows of one micro-batch of a ViT: 8 images of 197 tokens. */
inline constexpr int64_t micro_batch_rows = 8 * 197;

/**
 * Operations a second of SGEMM [m, N]·[N, m] over the rows of a micro-batch, one product a core
 * and all `threads` cores at once, as calibration runs them: 2·N·m² operations each.
 */
double sgemm_rate(int64_t m, int threads);

/** The same for [N, m]·[m, n], the product of a layer. */
double layer_product_rate(int64_t m, int64_t n, int threads);

/** Numbers a second that y = x·a + b takes over tensors of `numel`, on all `threads` at once. */
double element_rate(int64_t numel, int threads);

/** Random normal fp32 rows whose columns differ in norm, the same for the same seed. */
torch::Tensor random_rows(int64_t rows, int64_t m, uint64_t seed);

/** Wall-clock seconds of the stage of that name in a run. */
double stage_seconds(const RunRecord& run, const std::string& name);

/** Peak resident memory in bytes of a program run to its end; throws when it fails. */
int64_t peak_memory_of(const std::vector<std::string>& arguments);

}  // namespace comq::bench
