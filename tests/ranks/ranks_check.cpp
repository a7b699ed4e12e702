// Run by ranks_test under mpirun: every operation of the communicator, checked on every rank.
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/communicator.hpp"
#include "ranks/start_ranks.hpp"

namespace {

bool all_operations_work(comq::Communicator& ranks) {
    const auto count = static_cast<double>(ranks.size());
    bool good = true;
    for (int owner = 0; owner < ranks.size(); ++owner) {
        std::vector<double> values{1.0, static_cast<double>(ranks.rank()), 0x1p-40};
        ranks.sum_at(owner, values);
        if (ranks.rank() != owner) continue;
        good = good && values[0] == count && values[1] == count * (count - 1) / 2 &&
               values[2] == count * 0x1p-40;
    }
    good = good && ranks.sum(ranks.rank() + 1) == ranks.size() * (ranks.size() + 1) / 2;
    const std::string text = ranks.root() ? "from the root" : "to be replaced by a longer text";
    good = good && ranks.broadcast(text) == "from the root" && ranks.broadcast("").empty();
    const std::string own = std::to_string(ranks.rank());
    good = good && ranks.first_text(own) == "0" && ranks.first_text("").empty();
    const int last = ranks.size() - 1;
    good = good && ranks.first_text(ranks.rank() == last ? own : "") == std::to_string(last);
    ranks.wait_for_all();
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        comq::start_ranks();
    } catch (const comq::Error& error) {
        std::fputs(error.what(), stderr);
        comq::finish_ranks();
        return static_cast<int>(error.exit_code());
    }
    comq::Communicator& ranks = comq::communicator();
    if (argc > 1 && std::strcmp(argv[1], "abort") == 0) {
        if (ranks.rank() == ranks.size() - 1) comq::abort_ranks(comq::ExitCode::interrupted);
        ranks.wait_for_all();
    }
    const bool good = all_operations_work(ranks);
    if (good) std::printf("rank %d of %d is good\n", ranks.rank(), ranks.size());
    std::fflush(stdout);
    comq::finish_ranks();
    return good ? 0 : 1;
}
