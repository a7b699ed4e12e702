#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace comq {

/**
 * Runs tasks one after another on a thread of its own: for work that waits for a disk, while which
 * no thread that computes should wait. After a task has thrown, the tasks behind it are dropped.
 */
class BackgroundQueue {
  public:
    /** `most_waiting` tasks, and what they hold, wait at most. */
    explicit BackgroundQueue(std::size_t most_waiting);
    BackgroundQueue(const BackgroundQueue&) = delete;
    BackgroundQueue& operator=(const BackgroundQueue&) = delete;
    /** Waits for all tasks; what one threw is lost unless push() or finish() has thrown it. */
    ~BackgroundQueue();

    // Thread-safe. Both throw what a task has thrown.

    /** Waits while the queue is full. */
    void push(std::function<void()> task);
    /** Waits for all tasks. */
    void finish();

  private:
    void run();

    std::size_t most_waiting_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> waiting_;
    std::exception_ptr failure_;
    bool busy_ = false;
    bool closed_ = false;
    std::thread thread_;
};

}  // namespace comq
