#include <fmt/format.h>

#include <string>

#include "core/child_process.hpp"
#include "points/result_files.hpp"
#include "results/run_file.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/python.hpp"
#include "table/made_runs.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** What the run has of its own images is also what it has of a set. */
void add_set(RunRecord& run) {
    SetRecord set;
    set.name = "v2";
    set.images = "digest";
    static_cast<Evaluations&>(set) = run;
    run.sets = {set};
}

/** comq's round-to-nearest, from which the peers' script takes images, layers and grids. */
RunRecord reference_run() {
    RunRecord run = test::record_of({.overrides = {"quantization.method=rtn"}});
    run.heldout_images = {"held out é"};
    run.layers.front().rtn_relative_error = 0.25;
    add_set(run);
    return run;
}

/** comq's evaluation of the peer's weights: one image less is right, and is seen differently. */
RunRecord evaluated_run() {
    RunRecord run = test::record_of({.overrides = {"quantization.method=none"}});
    run.full_precision->prediction[0] = 7;
    run.full_precision->top1 = 94;
    add_set(run);
    return run;
}

}  // namespace

TEST_CASE("a peer's result file is a run like any other") {
    const auto python = test::python_with("h5py, numpy");
    if (!python) {
        test::skip("python", "Python with h5py and numpy");
        return;
    }
    const fs::path folder = test::temporary_folder();
    const fs::path reference = folder / "rtn.h5";
    const fs::path evaluated = folder / "evaluated.h5";
    const fs::path file = folder / "brevitas_gptq.h5";
    write_run_file(reference, reference_run());
    write_run_file(evaluated, evaluated_run());
    const fs::path script = test::source_dir() / "tests" / "table" / "write_peer_file.py";
    REQUIRE(test::run_python(
        *python, script,
        fmt::format("'{}' '{}' '{}'", reference.string(), evaluated.string(), file.string())));

    const RunRecord run = read_run_file(file, ReadScope::everything);
    CHECK(run.identity == "peer");
    CHECK(run.provenance.command_line == "compare_peers.py");
    CHECK(run.provenance.checkpoint_sha256 == reference_run().provenance.checkpoint_sha256);
    CHECK(run.full_precision->top1 == 95);
    CHECK(run.quantized->top1 == 94);
    CHECK(run.quantized->prediction[0] == 7);
    CHECK(*run.agreement == 99);
    REQUIRE(run.sets.size() == 1);
    CHECK(run.sets[0].name == "v2");
    CHECK(run.sets[0].images == "digest");
    CHECK(run.sets[0].quantized->top1 == 94);
    CHECK(*run.sets[0].agreement == 99);
    CHECK(run.calibration_images == std::vector<std::string>{"calibration-0"});
    CHECK(run.heldout_images == std::vector<std::string>{"held out é"});
    REQUIRE(run.stages.size() == 2);
    CHECK(run.stages[1].seconds == 0.25);
    REQUIRE(run.layers.size() == 1);
    const LayerRecord& layer = run.layers.front();
    CHECK(layer.kind == "linear");
    CHECK(layer.bits == 4);
    CHECK(layer.levels_used == 2);
    CHECK(layer.error == 2);
    CHECK(layer.relative_error == 0.1);
    CHECK(layer.sqnr_db == 20);
    CHECK(layer.rtn_relative_error == 0.25);
    CHECK(layer.heldout_relative_error == 0.2);
    CHECK(layer.propagation == 1);
    CHECK(layer.bit_code.as<uint8_t>()[1] == 15);
    CHECK(layer.scale.as<float>()[0] == 0.5F);
    CHECK(layer.zero_point.as<float>()[0] == -4.0F);

    CHECK(read_result(file).values.at("quantization.method") == "brevitas_gptq");
    const auto output = folder / "output";
    CHECK(ChildProcess({COMQ_PROGRAMS "/inspect_results", file.string()}, output).wait() == 0);
    CHECK_THAT(test::text_of(output),
               ContainsSubstring("method=brevitas_gptq") && ContainsSubstring("0.10000"));
}

TEST_CASE("peers refuse keys that they do not know, unless these have their default") {
    const auto python = test::python_with("h5py, numpy, yaml");
    if (!python) {
        test::skip("python", "Python with h5py, NumPy and PyYAML");
        return;
    }
    const auto source = test::source_dir();
    const auto output = test::temporary_folder() / "output";
    const auto script = source / "tests" / "table" / "check_peer_config.py";
    REQUIRE(ChildProcess(
                {*python, script.string(), source.string(), COMQ_PROGRAMS "/run_experiment",
                 "seed=3", "calibration.images=7", "quantization.sweeps=8",
                 "quantization.order=shared", "quantization.order=greedy_dynamic",
                 "quantization.scalar=0.9", "repair.bias_correction=true", "quantization.added=2"},
                output)
                .wait() == 0);
    CHECK(test::text_of(output) ==
          "seed=3: as it is\n"
          "calibration.images=7: as it is\n"
          "quantization.sweeps=8: as it is\n"
          "quantization.order=shared: as it is\n"
          "quantization.order=greedy_dynamic: the peers need greedy or shared or cyclic\n"
          "quantization.scalar=0.9: the peers need 1\n"
          "repair.bias_correction=True: the peers need false\n"
          "quantization.added=2: the peers need 1\n");
}
