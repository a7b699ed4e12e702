#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace comq {

/**
 * The processes ("ranks") that share one experiment. Every rank calls the same operations in the
 * same order. Without start_ranks (ranks/start_ranks.hpp) a process is alone and each operation
 * does nothing.
 */
class Communicator {
  public:
    virtual ~Communicator() = default;
    virtual int rank() const { return 0; }
    virtual int size() const { return 1; }
    bool root() const { return rank() == 0; }

    /**
     * Adds up `values` over all ranks, entry by entry; the sums are left in those of `owner`, the
     * others' are unspecified afterwards. Ranks are added in no fixed order, so equal bits need
     * addends whose sums are exact (GramAccumulator's are).
     */
    virtual void sum_at(int owner, std::span<double> values) {
        (void)owner;
        (void)values;
    }
    /** The sum over all ranks, on each of them. */
    virtual int64_t sum(int64_t value) { return value; }
    /** The root's `text` on every rank. */
    virtual std::string broadcast(std::string text) { return text; }
    /** On every rank, the text of the lowest rank that has one; empty where none has. */
    virtual std::string first_text(std::string text) { return text; }
    /** Returns once every rank has called it. */
    virtual void wait_for_all() {}
};

/** The ranks of this run. */
Communicator& communicator();

/** Once, before the first use of communicator(). */
void set_communicator(std::unique_ptr<Communicator> ranks);

}  // namespace comq
