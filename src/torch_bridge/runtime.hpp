#pragma once

#include "torch_bridge/torch.hpp"

#include <string>

namespace comq {

/**
 * `set_threads(threads)` plus LibTorch's own counts: every operator runs on the thread that calls
 * it, TBB's workers included, so `threads` tasks use `threads` cores. Also has the allocator keep
 * freed activations for the next ones. Call once, before the first parallel work.
 */
void set_torch_threads(int threads);

/**
 * "cpu", "cuda" or "cuda:N"; a CUDA device then computes in fp32 proper and by cuDNN's
 * deterministic algorithms. Throws UsageError for anything else, and for a CUDA device that this
 * machine or this build of LibTorch doesn't have.
 */
torch::Device parse_device(const std::string& text);

/** Version of the LibTorch compiled against, e.g. "2.13.0". */
std::string torch_version();

/** Instruction set of LibTorch's kernels on this machine ("AVX2", "AVX512", …): results differ
 *  in their last digits between them. */
std::string torch_cpu_capability();

}  // namespace comq
