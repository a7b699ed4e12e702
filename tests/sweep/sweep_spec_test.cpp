#include "sweep/sweep_spec.hpp"

#include <cstdlib>
#include <fstream>

#include "support/assets.hpp"
#include "sweep/sweep_files.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("a sweep is named after its file and lands in results") {
    const test::SweepFolder folder;
    const auto spec = load_sweep(folder.write("grid: {seed: [0, 1]}\n"));
    CHECK(spec.name == "some_sweep");
    CHECK(spec.folder == std::filesystem::absolute("results/some_sweep"));
    CHECK(spec.config == folder.path() / "base.yaml");
    CHECK(spec.local.jobs == 1);
    CHECK(spec.slurm.lead_time == 120);
}

TEST_CASE("keys of a sweep on the command line change the sweep, others the experiment") {
    const test::SweepFolder folder;
    const auto spec =
        load_sweep(folder.write("grid: {seed: [0, 1]}\nslurm: {time: \"10:00\"}\n"),
                   {"slurm.time='1:30:00'", "slurm.options=[--qos=long, --nice]", "local.jobs=3",
                    "quantization.bits=3", "grid.quantization.order=[greedy]"});
    CHECK(spec.slurm.time == "1:30:00");
    CHECK(spec.slurm.options == std::vector<std::string>{"--qos=long", "--nice"});
    CHECK(spec.local.jobs == 3);
    CHECK(spec.experiment_overrides.size() == 1);
    CHECK(spec.grid.find("seed") != nullptr);
    CHECK(spec.grid.find("quantization.order") != nullptr);
}

TEST_CASE("texts of the command line are taken as the shell gives them") {
    const test::SweepFolder folder;
    const auto spec = load_sweep(folder.write("grid: {seed: [0, 1]}\n"),
                                 {"folder=out #2", "data.root=#x", "slurm.account=a: b"});
    CHECK(spec.folder == std::filesystem::absolute("out #2"));
    CHECK(spec.slurm.account == "a: b");
    CHECK(spec.experiment_overrides.at(0).find("data")->find("root")->scalar == "#x");
}

TEST_CASE("several values of a key point to the grid") {
    const test::SweepFolder folder;
    CHECK_THAT(folder.error_of("grid: {seed: [0, 1]}\n", {"quantization.bits=3,4"}),
               ContainsSubstring("key 'quantization.bits': one point takes one value; vary the key "
                                 "by grid.quantization.bits=[3,4]"));
}

TEST_CASE("errors in a sweep name file, line and the nearest key") {
    const test::SweepFolder folder;
    CHECK_THAT(folder.error_of("gird: {seed: [0]}\n"),
               ContainsSubstring("some_sweep.yaml:2: key 'gird'") &&
                   ContainsSubstring("nearest known: 'grid'"));
    CHECK_THAT(folder.error_of("slurm:\n  patrition: short\n"),
               ContainsSubstring("some_sweep.yaml:3") &&
                   ContainsSubstring("nearest known: 'slurm.partition'"));
    CHECK_THAT(folder.error_of("slurm: {options: [qos=long]}\n"),
               ContainsSubstring("slurm.options[0]") && ContainsSubstring("--qos=long"));
    CHECK_THAT(folder.error_of("local: {jobs: 0}\n"), ContainsSubstring("integer, 1 to 4096"));
    CHECK_THAT(folder.error_of("name: a/b\n"), ContainsSubstring("letters, digits"));
    CHECK_THAT(folder.error_of("grid: [1]\n"), ContainsSubstring("map of keys to lists"));
    CHECK_THROWS_WITH(load_sweep(folder.path() / "none.yaml"), ContainsSubstring("no such file"));
}

namespace {

/** A site file while the object lives. */
struct Site {
    explicit Site(const std::string& text) {
        std::ofstream(file) << text;
        ::setenv("COMQ_SITE", file.c_str(), 1);
    }
    ~Site() { ::setenv("COMQ_SITE", "", 1); }

    fs::path file = test::temporary_folder() / "slurm.yaml";
};

}  // namespace

TEST_CASE("what a site says of Slurm holds where a sweep and the command line say nothing") {
    const test::SweepFolder folder;
    const Site site("partition: short\naccount: lab\ntime: 1:00:00\nsetup: [module load hdf5]\n");
    const auto slurm =
        folder
            .open("grid: {seed: [0]}\nslurm: {account: other, setup: []}\n", {"slurm.time=2:00:00"})
            .slurm;
    CHECK(slurm.partition == "short");
    CHECK(slurm.account == "other");
    CHECK(slurm.time == "2:00:00");
    CHECK(slurm.setup.empty());
    const auto settings = launch_settings({"slurm.partition=long", "local.jobs=3"});
    CHECK(settings.slurm.partition == "long");
    CHECK(settings.slurm.account == "lab");
    CHECK(settings.local.jobs == 3);
    CHECK_THROWS_WITH(launch_settings({"quantization.bits=3"}),
                      ContainsSubstring("quantization.bits"));
}

TEST_CASE("what is wrong with a site file is told with its line") {
    const test::SweepFolder folder;
    {
        const Site site("partition: short\ntimes: 1\n");
        CHECK_THAT(folder.error_of("grid: {seed: [0]}\n"),
                   ContainsSubstring("slurm.yaml:2") && ContainsSubstring("nearest known: 'time'"));
    }
    ::setenv("COMQ_SITE", "/nowhere/slurm.yaml", 1);
    CHECK_THAT(folder.error_of("grid: {seed: [0]}\n"), ContainsSubstring("/nowhere/slurm.yaml"));
    ::setenv("COMQ_SITE", "", 1);
}
