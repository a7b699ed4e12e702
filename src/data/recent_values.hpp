#pragma once

#include <cstddef>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace comq {

/**
 * The most recently used values of a function that is costly to compute. Threads that want the same
 * one wait for the first of them. Thread-safe.
 */
template <typename Key, typename Value>
class RecentValues {
  public:
    explicit RecentValues(std::size_t most) : most_(most) {}

    /** `compute()`, or what it gave for this key before; an exception is not kept. */
    template <typename Compute>
    std::shared_ptr<const Value> get(const Key& key, const Compute& compute) {
        std::promise<std::shared_ptr<const Value>> promise;
        Result result;
        bool mine = false;
        {
            const std::lock_guard lock(mutex_);
            auto entry = entries_.begin();
            while (entry != entries_.end() && entry->first != key) ++entry;
            mine = entry == entries_.end();
            if (mine) {
                entries_.emplace_front(key, promise.get_future().share());
                if (entries_.size() > most_) entries_.pop_back();
            } else {
                entries_.splice(entries_.begin(), entries_, entry);
            }
            result = entries_.front().second;
        }
        if (mine) fulfil(key, promise, compute);
        return result.get();
    }

  private:
    using Result = std::shared_future<std::shared_ptr<const Value>>;

    template <typename Compute>
    void fulfil(const Key& key, std::promise<std::shared_ptr<const Value>>& promise,
                const Compute& compute) {
        try {
            promise.set_value(std::make_shared<const Value>(compute()));
        } catch (...) {
            {
                const std::lock_guard lock(mutex_);
                entries_.remove_if([&](const auto& entry) { return entry.first == key; });
            }
            promise.set_exception(std::current_exception());
        }
    }

    std::mutex mutex_;
    std::size_t most_;
    std::list<std::pair<Key, Result>> entries_;  ///< the most recent first
};

}  // namespace comq
