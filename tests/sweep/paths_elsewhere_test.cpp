#include "experiment_config/paths_elsewhere.hpp"

#include <filesystem>

#include "points/point_status.hpp"
#include "support/assets.hpp"
#include "sweep/batch_script.hpp"
#include "sweep/programs.hpp"
#include "sweep/shared_work.hpp"
#include "sweep/sweep_files.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** A point whose config is read by a node, and what its file says there. */
struct NodePoint {
    test::SweepFolder folder;
    PointSet set;

    explicit NodePoint(const std::string& overrides) {
        set = folder.open("overrides: {" + overrides + "}\ngrid: {seed: [0]}\n");
        prepare_folder(set, {0}, RunsOn::node);
    }
    /** The config as a node loads it. */
    ExperimentConfig loaded() const {
        return load_config(point_files::config(set, set.points[0])).config;
    }
    std::string text() const { return test::text_of(point_files::config(set, set.points[0])); }
};

constexpr const char* some_data =
    "data: {layout: imagefolder, root: '${COMQ_TEST_NODE}/images', calibration: train, "
    "evaluation: val}, ";

}  // namespace

TEST_CASE("variables of paths are those of the machine that runs the point") {
    const auto here = fs::current_path();
    const std::string overrides =
        std::string(some_data) +
        "model: {weights: 'w$$x/${COMQ_TEST_NODE}.pt'}, resources: {cache: "
        "'${COMQ_TEST_CACHE:-some/cache}'}";
    const test::Environment unset("COMQ_TEST_NODE", nullptr), none("COMQ_TEST_CACHE", nullptr);
    const NodePoint point(overrides);
    CHECK_THAT(point.text(), ContainsSubstring("${COMQ_TEST_NODE}/images"));
    const test::Environment node("COMQ_TEST_NODE", "/node");
    const auto config = point.loaded();
    CHECK(config.data.root == "/node/images");
    CHECK(config.data.calibration == "/node/images/train");
    CHECK(config.data.evaluation == "/node/images/val");
    // What is relative starts where run_sweep was called, defaults included.
    CHECK(config.model.weights == here / "w$x" / "node.pt");
    CHECK(config.resources.cache == here / "some/cache");
    CHECK(config.output.file == point.set.points[0].result());

    // The point is the same one wherever its sweep is opened.
    const NodePoint other(overrides);
    CHECK(other.set.points[0].id == point.set.points[0].id);
}

TEST_CASE("a variable with a relative value means what it means where it is set") {
    const test::Environment set("COMQ_TEST_NODE", "some/folder");
    const NodePoint point(some_data);
    const test::Environment node("COMQ_TEST_NODE", "/node");
    CHECK(point.loaded().data.root == fs::current_path() / "some/folder/images");
}

TEST_CASE("paths without variables are written as they are read here") {
    const NodePoint point(
        "data: {layout: imagefolder, root: 'a$$b', calibration: train, "
        "evaluation: val}");
    CHECK_FALSE(point.set.points[0].config.elsewhere);
    CHECK(point.loaded().data.calibration == fs::current_path() / "a$b" / "train");
}

TEST_CASE("paths of evaluation sets are expanded by the node, too") {
    const test::Environment unset("COMQ_TEST_NODE", nullptr);
    const NodePoint point(
        "evaluation: {sets: [{name: v2, data: {layout: imagefolder, root: "
        "'${COMQ_TEST_NODE}/v2', evaluation: val}}]}");
    const test::Environment node("COMQ_TEST_NODE", "/node");
    const auto config = point.loaded();
    REQUIRE(config.evaluation.sets.size() == 1);
    CHECK(config.evaluation.sets[0].data.evaluation == "/node/v2/val");
}

TEST_CASE("a variable that is not set is an error only where the point would run here") {
    const test::Environment unset("COMQ_TEST_NODE", nullptr);
    const test::DemoSweep sweep(std::string("grid: {seed: [0]}\n") + "slurm: {cpus: 1}\n");
    const std::string root =
        " data.layout=imagefolder 'data.root=${COMQ_TEST_NODE}/x' "
        "data.calibration=train data.evaluation=val";
    const auto local = sweep.run("--dry-run" + root);
    CHECK(local.exit_code == 2);
    CHECK_THAT(local.output,
               ContainsSubstring("the environment variable COMQ_TEST_NODE is not set"));
    CHECK(test::run_program("sweep_status", sweep.file().string() + root).exit_code == 0);
    const auto broken = sweep.run(
        "--launcher slurm --dry-run data.layout=imagefolder "
        "'data.root=${COMQ_TEST_NODE'");
    CHECK(broken.exit_code == 2);
    CHECK_THAT(broken.output, ContainsSubstring("lacks the '}'"));
}

TEST_CASE("nobody computes for all what a cache of the node would keep") {
    const test::SweepFolder folder;
    const test::Environment node("COMQ_TEST_NODE", "/node");
    const std::string points = "grid: {quantization.bits: [2, 3]}\n";
    const auto all = std::vector<std::size_t>{0, 1};
    CHECK(sharing_points(folder.open(points), all).size() == 1);
    CHECK(sharing_points(
              folder.open(points + "overrides: {resources.cache: '${COMQ_TEST_NODE}/c'}\n"), all)
              .empty());
    CHECK(sharing_points(folder.open(points + "slurm: {ranks: 2}\n"), all).empty());
}
