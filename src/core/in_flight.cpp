#include "core/in_flight.hpp"

#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <exception>
#include <mutex>

namespace comq {

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
