// What a program does when its standard streams are closed, full, or read by nobody.
#include <filesystem>
#include <string>

#include "core/child_process.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** A short run of the demo network in a folder of its own, as words of a shell. */
struct Shell {
    fs::path folder = test::temporary_folder();
    std::string programs = COMQ_PROGRAMS;

    int run(const std::string& command) const {
        return run_shell("cd '" + folder.string() + "' && PATH='" + programs + "':$PATH; " +
                         command)
            .exit_code;
    }
    std::string demo(const std::string& file) const {
        return "run_experiment '" + (test::source_dir() / "configs/demo_cnn_4bit.yaml").string() +
               "' evaluation.images=50 calibration.images=32 resources.cache=null output.file=" +
               file + " ";
    }
    bool holds(const std::string& file) const { return fs::exists(folder / file); }
};

}  // namespace

TEST_CASE("a run goes on with closed standard streams") {
    const Shell shell;
    CHECK(shell.run(shell.demo("output_and_error.h5") + ">&- 2>&-") == 0);
    CHECK(shell.holds("output_and_error.h5"));
    CHECK(shell.run(shell.demo("all.h5") + "<&- >&- 2>&-") == 0);
    CHECK(shell.holds("all.h5"));
    CHECK(shell.run("run_experiment nowhere.yaml >&- 2>&-") == 2);
}

TEST_CASE("no file of a run becomes its standard error") {
    const Shell shell;
    // The lock stays when the journal does: an interrupted run's, for which the time limit stands.
    shell.run(shell.demo("a.h5") +
              "2>&- >/dev/null & sleep 0.4; cp a.h5.lock seen 2>/dev/null; wait");
    CHECK(shell.holds("a.h5"));
    CHECK(shell.run("! grep -aq images seen 2>/dev/null") == 0);
}

TEST_CASE("what only informs never ends a run") {
    const Shell shell;
    CHECK(shell.run(shell.demo("full.h5") + "2>/dev/full >/dev/null") == 0);
    CHECK(shell.holds("full.h5"));
    // The reader of the log ends first; a pipe that nobody reads raises SIGPIPE by default.
    CHECK(shell.run("{ " + shell.demo("pipe.h5") +
                    "2>&1 >/dev/null; echo $? >code; } | true; sleep 0.1; "
                    "test \"$(cat code)\" = 0") == 0);
    CHECK(shell.holds("pipe.h5"));
    CHECK(shell.run("run_experiment nowhere.yaml 2>/dev/full") == 2);
}

TEST_CASE("standard output that is lost is a failure") {
    const Shell shell;
    REQUIRE(shell.run(shell.demo("a.h5") + "--quiet >/dev/null 2>&1") == 0);
    for (const std::string command :
         {"inspect_results a.h5", "inspect_results a.h5 --csv", "compare_results a.h5 a.h5",
          "run_experiment --list-models", "run_experiment --explain", "run_experiment --version",
          "run_sweep --help", "make_tables --version", "export_model a.h5 -o a.safetensors"}) {
        INFO(command);
        CHECK(shell.run(command + " >/dev/full 2>log") == 1);
        CHECK(shell.run("grep -q 'standard output' log") == 0);
    }
    CHECK(shell.run(shell.demo("b.h5") + "--quiet >/dev/full 2>/dev/null") == 1);
    CHECK(shell.holds("b.h5"));
}

TEST_CASE("a reader that has seen enough is no failure") {
    const Shell shell;
    CHECK(
        shell.run(
            "run_experiment --explain 2>log | head -n 1 >first; test -s first && ! test -s log") ==
        0);
}
