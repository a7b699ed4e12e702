#include "points/point.hpp"

#include <fmt/format.h>

#include <set>

#include "sweep/sweep_files.hpp"

using namespace comq;

namespace {

/** "quantization.bits=4 seed=0", of each point. */
std::vector<std::string> points_of(const PointSet& sweep) {
    std::vector<std::string> points;
    for (const auto& point : sweep.points) {
        auto& text = points.emplace_back();
        for (std::size_t i = 0; i < sweep.varied.size(); ++i) {
            text += fmt::format("{}{}={}", i > 0 ? " " : "", sweep.varied[i], point.values[i]);
        }
    }
    return points;
}

}  // namespace

TEST_CASE("a grid has every combination, its last key changing fastest") {
    const test::SweepFolder folder;
    const auto sweep = folder.open(
        "grid:\n  quantization.bits: [2, 3]\n  quantization: {order: [cyclic, greedy]}\n");
    CHECK(points_of(sweep) ==
          std::vector<std::string>{"quantization.bits=2 quantization.order=cyclic",
                                   "quantization.bits=2 quantization.order=greedy",
                                   "quantization.bits=3 quantization.order=cyclic",
                                   "quantization.bits=3 quantization.order=greedy"});
    CHECK(sweep.points[1].config.config.quantization.bits == 2);
    CHECK(sweep.points[1].config.config.quantization.order == Order::greedy);
}

TEST_CASE("points, zip and grid are combined") {
    const test::SweepFolder folder;
    const auto sweep = folder.open(
        "points:\n"
        "  - {quantization.method: rtn}\n"
        "  - {quantization: {method: comq, preset: authors_code}}\n"
        "zip: {quantization.bits: [2, 4], quantization.scalar: [0.9, 1.0]}\n"
        "grid: {seed: [5, 6]}\n");
    CHECK(sweep.points.size() == 8);
    CHECK(sweep.varied == std::vector<std::string>{"quantization.method", "quantization.preset",
                                                   "quantization.bits", "quantization.scalar",
                                                   "seed"});
    const auto& last = sweep.points.back().config.config;
    CHECK(last.quantization.preset == Preset::authors_code);
    CHECK(last.quantization.sweeps == 1);  // as the preset says
    CHECK(last.quantization.bits == 4);
    CHECK(last.seed == 6);
    CHECK(sweep.points.front().config.config.quantization.scalar == 0.9);
}

TEST_CASE("later ones win: config, overrides, command line, point") {
    const test::SweepFolder folder;
    const auto sweep = folder.open(
        "overrides: {calibration.images: 10, evaluation: {images: 20}, seed: 1}\n"
        "grid: {quantization.bits: [2]}\n",
        {"evaluation.images=30"});
    const auto& config = sweep.points.front().config.config;
    CHECK(config.calibration.images == 10);
    CHECK(config.evaluation.images == 30);
    CHECK(config.seed == 1);
    CHECK(config.quantization.bits == 2);
}

TEST_CASE("the command line replaces the values of a key that the grid varies") {
    const test::SweepFolder folder;
    const std::string text = "grid: {quantization.bits: [2, 3], seed: [0]}\n";
    CHECK(points_of(folder.open(text, {"grid.quantization.bits=[8]", "grid.seed=[1, 2]"})) ==
          std::vector<std::string>{"quantization.bits=8 seed=1", "quantization.bits=8 seed=2"});
}

TEST_CASE("a point keeps its identity whatever varies beside it and wherever it lands") {
    const test::SweepFolder folder;
    const auto small = folder.open("grid: {quantization.bits: [3]}\n");
    const auto large = folder.open("name: other\ngrid: {seed: [1, 0], quantization.bits: [2, 3]}\n",
                                   {"resources.threads=7"});
    std::set<std::string> ids;
    for (const auto& point : large.points) ids.insert(point.id);
    CHECK(ids.size() == 4);
    CHECK(large.points.back().id == small.points.front().id);
    CHECK(small.points.front().id.size() == 16);
    CHECK(small.points.front().result() ==
          folder.path() / "out" / (small.points.front().id + ".h5"));
}

TEST_CASE("whatever a sweep varies tells its points apart, checkpoints and threads too") {
    const test::SweepFolder folder;
    for (const char* grid :
         {"{model.weights: [a.safetensors, b.safetensors]}", "{resources.threads: [1, 2]}"}) {
        INFO(grid);
        const auto sweep = folder.open(fmt::format("grid: {}\n", grid));
        CHECK(sweep.points[0].id != sweep.points[1].id);
    }
}

TEST_CASE("points share a cache in the sweep's folder unless the config names one or none") {
    const test::SweepFolder folder;
    const auto cache_of = [&](const std::vector<std::string>& arguments) {
        return folder.open("grid: {seed: [0]}\n", arguments)
            .points.front()
            .config.config.resources.cache;
    };
    CHECK(cache_of({}) == folder.path() / "out" / "cache");
    CHECK(cache_of({"resources.cache=/some/where"}) == "/some/where");
    CHECK(cache_of({"resources.cache=null"}).empty());
    const auto points = folder.open("points: [{resources.cache: null}, {seed: 1}]\n").points;
    CHECK(points[0].config.config.resources.cache.empty());
    CHECK(points[1].config.config.resources.cache == folder.path() / "out" / "cache");
}

TEST_CASE("what is wrong with points is told once, with its line") {
    const test::SweepFolder folder;
    CHECK_THAT(folder.error_of("grid:\n  quantization.bit: [2]\n"),
               ContainsSubstring("some_sweep.yaml:3: key 'quantization.bit'") &&
                   ContainsSubstring("nearest known: 'quantization.bits'"));
    const auto wrong_value =
        folder.error_of("grid:\n  quantization.bits: [2, 9]\n  seed: [0, 1, 2]\n");
    CHECK_THAT(wrong_value, ContainsSubstring("some_sweep.yaml:3") &&
                                ContainsSubstring("integer, 2 to 8, not '9'"));
    CHECK(wrong_value.find('\n') == std::string::npos);
    CHECK_THAT(folder.error_of("grid:\n  quantization.method: [conq]\n"),
               ContainsSubstring("some_sweep.yaml:3") && ContainsSubstring("comq"));
    CHECK_THAT(folder.error_of("grid:\n  model.name: [demo_vot]\n"),
               ContainsSubstring("some_sweep.yaml:3") && ContainsSubstring("demo_vit"));
    CHECK_THAT(folder.error_of("grid: {seed: 3}\n"),
               ContainsSubstring("expected a list of values"));
    CHECK_THAT(folder.error_of("grid: {seed: []}\n"), ContainsSubstring("an empty one"));
    CHECK_THAT(folder.error_of("points: [3]\n"), ContainsSubstring("expected a map of keys"));
    CHECK_THAT(folder.error_of("zip: {seed: [0, 1], quantization.bits: [2]}\n"),
               ContainsSubstring("quantization.bits") && ContainsSubstring("has 1 values"));
    CHECK_THAT(folder.error_of("overrides: {seed: 1}\n"), ContainsSubstring("varies nothing"));
    CHECK_THAT(folder.error_of("grid: {output.file: [a.h5]}\n"), ContainsSubstring("set 'folder'"));
}

TEST_CASE("a key is varied once and not fixed beside it") {
    const test::SweepFolder folder;
    CHECK_THAT(folder.error_of("grid: {seed: [0]}\nzip: {seed: [1]}\n"),
               ContainsSubstring("varied at") && ContainsSubstring("name it once"));
    CHECK_THAT(folder.error_of("grid: {seed: [0]}\n", {"seed=4"}),
               ContainsSubstring("command line: seed=4") && ContainsSubstring("grid.seed=[...]"));
}

TEST_CASE(
    "points with a key that their method does not read are an error, not the same run twice") {
    const test::SweepFolder folder;
    CHECK_THAT(folder.error_of("grid:\n  quantization.method: [comq, rtn]\n"
                               "  quantization.sweeps: [1, 2]\n"),
               ContainsSubstring("some_sweep.yaml:4: key 'quantization.sweeps': rtn does not read "
                                 "it (beacon, comq do)"));
    const auto own = folder.open(
        "points:\n  - {quantization.method: rtn}\n"
        "  - {quantization.method: comq, quantization.sweeps: 1}\n");
    CHECK(own.points.size() == 2);
}
