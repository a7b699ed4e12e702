#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "core/child_process.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** What scripts/export_runs.py writes of a stored run, and what the run is. */
class ExportedRun {
  public:
    ExportedRun() {
        const fs::path programs = COMQ_PROGRAMS;
        REQUIRE(run({(programs / "inspect_results").string(), result_, "--sort", "network",
                     "--json", "-o", file("expected.json")}) == 0);
    }

    int write(const std::string& format, std::vector<std::string> more = {}) const {
        std::vector<std::string> words{
            "python3",  source("scripts/export_runs.py"), result_, "--to", format, "-o",
            file("out")};
        words.insert(words.end(), more.begin(), more.end());
        return run(words);
    }
    /** Files that write() has put beside figures: all but those of which it said why not. */
    std::vector<std::string> artefacts() const {
        std::vector<std::string> files;
        if (log().find("no report: ") == std::string::npos) files.push_back("report.html");
        if (log().find("no plot of layers: ") == std::string::npos) files.push_back("layers.png");
        return files;
    }
    /** By the reader of the format, in the environment that the script made or in python3. */
    int check(const std::string& format, const std::string& place,
              const std::vector<std::string>& files = {}) const {
        const fs::path own = test::source_dir() / "build" / "tracking" / "bin" / "python";
        const bool library = format == "tensorboard" || format == "mlflow";
        const std::string python = library && fs::exists(own) ? own.string() : "python3";
        std::vector<std::string> words{python, source("tests/apps/check_tracking.py"), format,
                                       file(place), file("expected.json")};
        words.insert(words.end(), files.begin(), files.end());
        return run(words);
    }
    std::string log() const { return test::text_of(folder_ / "log"); }

    /** Whether packages could be had; else the test is skipped. */
    bool has_packages() const {
        if (log().find("no virtual environment") == std::string::npos) return true;
        test::skip("packages", "TensorBoard and MLflow (scripts/tracking/requirements.txt)");
        return false;
    }

  private:
    static std::string source(const char* name) { return (test::source_dir() / name).string(); }
    std::string file(const std::string& name) const { return (folder_ / name).string(); }
    int run(std::vector<std::string> words) const {
        // The script finds a release build by itself, and in the path that of another preset.
        const char* path = std::getenv("PATH");
        words.insert(words.begin(), {"/usr/bin/env", fmt::format("PATH={}:{}", COMQ_PROGRAMS,
                                                                 path == nullptr ? "" : path)});
        return ChildProcess(words, folder_ / "log").wait();
    }

    fs::path folder_ = test::temporary_folder();
    std::string result_ = source("tests/results/files/schema_1_6.h5");
};

}  // namespace

TEST_CASE("runs are exported as CSV and JSON lines without any library") {
    const ExportedRun exported;
    REQUIRE(exported.write("csv") == 0);
    CHECK(exported.check("csv", "out") == 0);
    INFO(exported.log());
    const ExportedRun lines;
    REQUIRE(lines.write("jsonl") == 0);
    CHECK(lines.check("jsonl", "out") == 0);
    INFO(lines.log());
}

TEST_CASE("TensorBoard's own reader finds figures, layers and hyperparameters of a run") {
    const ExportedRun exported;
    const int written = exported.write("tensorboard");
    if (!exported.has_packages()) return;
    INFO(exported.log());
    REQUIRE(written == 0);
    CHECK(exported.check("tensorboard", "out/schema_1_6", exported.artefacts()) == 0);
    INFO(exported.log());
    // A second export would be shown as more of the same run.
    CHECK(exported.write("tensorboard") == 1);
    CHECK_THAT(exported.log(), ContainsSubstring("holds event files already"));
}

TEST_CASE("MLflow's own client finds metrics, parameters and artefacts of a run") {
    const ExportedRun exported;
    const int written = exported.write("mlflow", {"--experiment", "fixture"});
    if (!exported.has_packages()) return;
    INFO(exported.log());
    REQUIRE(written == 0);
    CHECK(exported.check("mlflow", "out", exported.artefacts()) == 0);
    INFO(exported.log());

    const ExportedRun bare;
    REQUIRE(bare.write("mlflow", {"--experiment", "fixture", "--no-artefacts"}) == 0);
    CHECK(bare.check("mlflow", "out") == 0);
    INFO(bare.log());
}
