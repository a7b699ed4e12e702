#include "core/communicator.hpp"

#include <utility>

namespace comq {

namespace {

std::unique_ptr<Communicator>& installed() {
    static std::unique_ptr<Communicator> ranks = std::make_unique<Communicator>();
    return ranks;
}

}  // namespace

Communicator& communicator() { return *installed(); }

void set_communicator(std::unique_ptr<Communicator> ranks) { installed() = std::move(ranks); }

}  // namespace comq
