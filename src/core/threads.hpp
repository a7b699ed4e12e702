#pragma once

#include <cstddef>
#include <functional>

namespace comq {

/** More threads than this are a mistake: each has a stack and tasks in flight. */
constexpr int most_threads = 4096;

/** Cores this process may run on (its affinity mask, so cgroups and Slurm are respected). */
int available_cores();

/**
 * The one place that decides how many threads run. Work is parallel over micro-batches and
 * channels in TBB tasks; inside a task every library (OpenMP, OpenBLAS, MKL) runs on one thread,
 * so two pools never compete for the same cores. LibTorch's own counts are set by
 * `set_torch_threads` in torch_bridge/runtime.hpp, which calls this first.
 * Call once, before the first parallel work; `threads` ≥ 1.
 */
void set_threads(int threads);

/** The count given to `set_threads`, or available_cores() before that. */
int thread_count();

/**
 * Calls `visit(i)` for every i < count, at most `at_once` at a time and begun in order: for items
 * that are parallel within themselves but for some of their work, which hides behind the next item.
 * After an exception no further item begins, those that run are finished, and the first exception
 * is thrown again.
 */
void visit_in_flight(std::size_t count, int at_once, const std::function<void(std::size_t)>& visit);

}  // namespace comq
