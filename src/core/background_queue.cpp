#include "core/background_queue.hpp"

#include <utility>

namespace comq {

BackgroundQueue::BackgroundQueue(std::size_t most_waiting)
    : most_waiting_(most_waiting), thread_([this] { run(); }) {}

BackgroundQueue::~BackgroundQueue() {
    {
        const std::scoped_lock lock(mutex_);
        closed_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void BackgroundQueue::push(std::function<void()> task) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || waiting_.size() < most_waiting_; });
    if (failure_) std::rethrow_exception(failure_);
    waiting_.push_back(std::move(task));
    changed_.notify_all();
}

void BackgroundQueue::finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.empty() && !busy_; });
    if (failure_) std::rethrow_exception(failure_);
}

void BackgroundQueue::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        auto task = std::move(waiting_.front());
        waiting_.pop_front();
        busy_ = true;
        changed_.notify_all();
        lock.unlock();
        std::exception_ptr failure;
        try {
            task();
        } catch (...) {
            failure = std::current_exception();
        }
        task = nullptr;
        lock.lock();
        busy_ = false;
        if (failure) {
            failure_ = failure;
            waiting_.clear();
        }
        changed_.notify_all();
    }
}

}  // namespace comq
