#include <mpi.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/communicator.hpp"
#include "ranks/start_ranks.hpp"

namespace comq {

namespace {

// MPI counts elements in an int.
constexpr std::size_t largest_message = std::numeric_limits<int>::max() / 2;

/** MPI_COMM_WORLD, whose default error handler ends all ranks and says why. */
class MpiRanks : public Communicator {
  public:
    MpiRanks() {
        MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
        MPI_Comm_size(MPI_COMM_WORLD, &size_);
    }
    int rank() const override { return rank_; }
    int size() const override { return size_; }

    void sum_at(int owner, std::span<double> values) override {
        while (!values.empty()) {
            const auto part = values.first(std::min(values.size(), largest_message));
            const auto count = static_cast<int>(part.size());
            if (rank_ == owner) {
                MPI_Reduce(MPI_IN_PLACE, part.data(), count, MPI_DOUBLE, MPI_SUM, owner,
                           MPI_COMM_WORLD);
            } else {
                MPI_Reduce(part.data(), nullptr, count, MPI_DOUBLE, MPI_SUM, owner, MPI_COMM_WORLD);
            }
            values = values.subspan(part.size());
        }
    }

    int64_t sum(int64_t value) override {
        int64_t total = 0;
        MPI_Allreduce(&value, &total, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
        return total;
    }

    std::string broadcast(std::string text) override { return text_of(0, std::move(text)); }

    std::string first_text(std::string text) override {
        const int mine = text.empty() ? size_ : rank_;
        int first = 0;
        MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
        return first == size_ ? "" : text_of(first, std::move(text));
    }

    void wait_for_all() override { MPI_Barrier(MPI_COMM_WORLD); }

  private:
    /** What `text` is on the rank `owner`. */
    static std::string text_of(int owner, std::string text) {
        auto length = static_cast<int64_t>(text.size());
        MPI_Bcast(&length, 1, MPI_INT64_T, owner, MPI_COMM_WORLD);
        text.resize(static_cast<std::size_t>(length));
        MPI_Bcast(text.data(), static_cast<int>(length), MPI_CHAR, owner, MPI_COMM_WORLD);
        return text;
    }

    int rank_ = 0;
    int size_ = 1;
};

bool running() {
    int initialized = 0;
    int finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    return initialized != 0 && finalized == 0;
}

}  // namespace

void start_ranks() {
    const int announced = announced_ranks();
    if (announced < 2) return;
#ifdef OPEN_MPI
    check_slurm_step();
#endif
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    auto ranks = std::make_unique<MpiRanks>();
    check_joined_ranks(announced, ranks->size());
    set_communicator(std::move(ranks));
}

void finish_ranks() {
    if (running()) MPI_Finalize();
}

void abort_ranks(ExitCode code) {
    if (running()) MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
}

}  // namespace comq
