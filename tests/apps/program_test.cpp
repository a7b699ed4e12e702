#include <filesystem>
#include <string>
#include <vector>

#include "core/child_process.hpp"
#include "results/run_file.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** A program in `folder`; its two streams together. */
ShellResult run(const std::string& program, const std::string& arguments,
                const fs::path& folder = test::temporary_folder()) {
    return run_shell("cd " + shell_quoted(folder.string()) + " && " COMQ_PROGRAMS "/" + program +
                     " " + arguments + " 2>&1");
}

const std::string demo = "configs/demo_cnn_4bit.yaml ";
const std::string small = demo + "calibration.images=32 evaluation.images=50 resources.cache=null ";

}  // namespace

TEST_CASE("an unknown option names the nearest one, a key in its form the key") {
    const auto refused = [](const std::string& arguments, const std::string& message) {
        CAPTURE(arguments);
        const auto result = run("run_experiment", demo + arguments);
        CHECK(result.exit_code == 2);
        CHECK_THAT(result.output, ContainsSubstring("error: ") && ContainsSubstring(message));
    };
    refused("--dryrun", "--dryrun: unknown option (nearest known: '--dry-run')");
    const std::string hint = "keys are given without dashes: ";
    refused("--quantization.bits=3", hint + "quantization.bits=3");
    refused("--bits=3", hint + "quantization.bits=3");
    refused("--bits 3", hint + "quantization.bits=3");
    refused("-quantization.bits=3", hint + "quantization.bits=3");
    refused("-output.file=x.h5", hint + "output.file=x.h5");
    refused("--quantisation.bits=3", hint + "quantization.bits=3");
    refused("+seed=1", "keys are given without '+': seed=1");
    refused("quantization.bits=3,4", "grid: {quantization.bits: [3,4]}");
    const auto inspected = run("inspect_results", "x.h5 --outptu y");
    CHECK(inspected.exit_code == 2);
    CHECK_THAT(inspected.output, ContainsSubstring("(nearest known: '--output')"));
}

TEST_CASE("the sweep that the hint names runs") {
    const fs::path folder = test::temporary_folder();
    const auto hint = run("run_experiment", demo + "quantization.bits=3,4", folder);
    const auto begin = hint.output.find("echo '");
    const auto end = hint.output.find("run_sweep sweep.yaml", begin);
    REQUIRE(begin != std::string::npos);
    REQUIRE(end != std::string::npos);
    const auto swept = run_shell("cd " + shell_quoted(folder.string()) + " && " +
                                 hint.output.substr(begin, end - begin) + COMQ_PROGRAMS +
                                 "/run_sweep sweep.yaml --dry-run 2>&1");
    CHECK(swept.exit_code == 0);
    CHECK_THAT(swept.output, ContainsSubstring("2 to be run"));
}

TEST_CASE("what is named and not there ends in 2, what is damaged in 3") {
    const fs::path folder = test::temporary_folder();
    run_shell("cd " + shell_quoted(folder.string()) + " && mkdir -p val/a && echo x > text.h5");
    for (const char* program : {"inspect_results", "export_model -o o.safetensors"}) {
        CAPTURE(program);
        CHECK(run(program, "none.h5", folder).exit_code == 2);
        CHECK(run(program, "val", folder).exit_code == 2);
        CHECK(run(program, "text.h5", folder).exit_code == 3);
    }
    CHECK(run("compare_results", "none.h5 text.h5", folder).exit_code == 2);
    CHECK(run("make_tables", "none.yaml", folder).exit_code == 2);
    CHECK(run("make_tables", "experiments/table_demo.yaml --results none", folder).exit_code == 2);
    CHECK(run("run_sweep", "none.yaml", folder).exit_code == 2);
    CHECK(run("run_experiment", "none.yaml", folder).exit_code == 2);
    CHECK(run("run_experiment", demo + "model.weights=none.pth", folder).exit_code == 2);
    CHECK(run("run_experiment", demo + "model.weights=val", folder).exit_code == 2);
    CHECK(run("run_experiment", demo + "model.weights=text.h5", folder).exit_code == 3);
    const std::string images = demo + "quantization.method=none data.layout=imagefolder ";
    CHECK(run("run_experiment", images + "data.evaluation=none", folder).exit_code == 2);
    CHECK(run("run_experiment", images + "data.evaluation=val", folder).exit_code == 2);
    CHECK(
        run("run_experiment", images + "data.evaluation=val data.synsets=none", folder).exit_code ==
        2);
    CHECK(run_shell("COMQ_DATA=/nonexistent " COMQ_PROGRAMS "/run_experiment a.yaml 2>&1")
              .exit_code == 2);
}

TEST_CASE("the same command twice says that it is finished and shows it") {
    const fs::path folder = test::temporary_folder();
    const std::string command = small + "quantization.bits=3";
    REQUIRE(run("run_experiment", command, folder).exit_code == 0);
    const fs::path result = folder / "results/demo_cnn_4bit-images32-bits3-evaluation_images50.h5";
    REQUIRE(fs::exists(result));
    const auto written = fs::last_write_time(result);
    const auto again = run("run_experiment", command, folder);
    CHECK(again.exit_code == 0);
    CHECK_THAT(again.output, ContainsSubstring("this run is finished already (") &&
                                 ContainsSubstring("--restart repeats it") &&
                                 ContainsSubstring("full precision") &&
                                 ContainsSubstring("comq-result {"));
    CHECK_THAT(again.output, !ContainsSubstring("\ncalibration "));
    CHECK(fs::last_write_time(result) == written);
    CHECK(run("run_experiment", command + " --restart --quiet", folder).exit_code == 0);
    CHECK(fs::last_write_time(result) != written);
    // Other numbers have another file.
    CHECK(run("run_experiment", small + "--quiet", folder).exit_code == 0);
    CHECK(fs::exists(folder / "results/demo_cnn_4bit-images32-evaluation_images50.h5"));
}

TEST_CASE("a folder whose name is not UTF-8 holds a run like any other") {
    const fs::path folder = test::temporary_folder() / "caf\xe9\xff #1";
    fs::create_directories(folder);
    const auto result = run("run_experiment", small + "-o 'run #2.h5'", folder);
    INFO(result.output);
    CHECK(result.exit_code == 0);
    REQUIRE(fs::exists(folder / "run #2.h5"));
    CHECK_THAT(result.output, ContainsSubstring("run #2.h5\",\"status\":\"complete\""));
    CHECK_THAT(read_run_file(folder / "run #2.h5", ReadScope::summary).config,
               ContainsSubstring("caf\uFFFD\uFFFD #1/run #2.h5"));
    CHECK(run("inspect_results", "'run #2.h5'", folder).exit_code == 0);
    const auto swept = run("run_sweep", "experiments/start.yaml", folder);
    CHECK(swept.exit_code == 2);
    CHECK_THAT(swept.output, ContainsSubstring("not UTF-8"));
}
