#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "sweep/sweep_files.hpp"
#include "sweep/sweep_table.hpp"
#include "sweep/sweep_text.hpp"

using namespace comq;

namespace {

using Positions = std::vector<std::optional<std::size_t>>;

Positions repetitions(const PointSet& sweep) {
    Positions positions;
    for (const auto& point : sweep.points) positions.push_back(point.same_as);
    return positions;
}

constexpr const char* methods_and_seeds =
    "grid: {quantization.method: [rtn, comq], seed: [1, 2, 3]}\n";

}  // namespace

TEST_CASE("a method that draws nothing is run for the first seed only") {
    const test::SweepFolder folder;
    const auto sweep = folder.open(methods_and_seeds, {"evaluation.images=all"});
    CHECK(repetitions(sweep) == Positions{{}, 0, 0, {}, {}, {}});
    CHECK(sweep.runs() == 4);
    // A random choice of evaluation images is another one for each seed.
    CHECK(folder.open(methods_and_seeds, {"evaluation.images=50"}).runs() == 6);
}

TEST_CASE("entries that resolve to one experiment are one run") {
    const test::SweepFolder folder;
    CHECK(repetitions(folder.open("grid: {seed: [4, 5, 4]}\n")) == Positions{{}, {}, 0});
    const auto sweep = folder.open(
        "points:\n"
        "  - {quantization.bits: 3}\n"
        "  - {quantization: {bits: 3, scalar: 1.0}}\n");
    CHECK(repetitions(sweep) == Positions{{}, 0});
    // Threads and caches change times, which a sweep over them asks for.
    CHECK(folder.open("grid: {resources.threads: [1, 2]}\n").runs() == 2);
}

TEST_CASE("a repeated point names the one that is run, is never run, and has no row of its own") {
    const test::SweepFolder folder;
    const auto sweep = folder.open(methods_and_seeds, {"evaluation.images=all"});
    write_run_file(sweep.points[0].result(), test::sample_run());
    const auto statuses = status_of(sweep);
    CHECK(statuses[0].state == PointState::finished);
    CHECK(statuses[1].state == PointState::repeated);
    CHECK(statuses[1].detail == "same as " + sweep.points[0].id);
    CHECK(statuses[1].top1.value == statuses[0].top1.value);
    CHECK_FALSE(to_be_run(PointState::repeated, false));
    CHECK_FALSE(to_be_run(PointState::repeated, true));
    CHECK_THAT(status_table(sweep, statuses),
               ContainsSubstring("6 points: 1 finished, 2 repeated, 3 waiting"));
    const auto table = collect_points(sweep);
    CHECK(table.rows == 1);
    CHECK(table.sweep_runs == 4);
}
