#include <fmt/format.h>

#include <cstdlib>

#include "results/run_file.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "table/made_runs.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** python3 of the path or the system's, when it has what the script needs. */
std::string python_for_figures() {
    for (const std::string python : {"python3", "/usr/bin/python3"}) {
        const std::string check = python + " -c 'import h5py, matplotlib, yaml' >/dev/null 2>&1";
        if (std::system(check.c_str()) == 0) return python;
    }
    return {};
}

}  // namespace

TEST_CASE("figures are drawn from result files as PDF and PNG") {
    const std::string python = python_for_figures();
    if (python.empty()) {
        test::skip("python", "Python with h5py, matplotlib and PyYAML");
        return;
    }
    const auto folder = test::temporary_folder();
    const auto runs = folder / "runs";
    const auto add = [&](const std::string& name, std::vector<std::string> overrides) {
        write_run_file(runs / name, test::record_of({std::move(overrides)}));
    };
    add("a.h5", {"quantization.bits=3"});
    add("b.h5", {"quantization.bits=3", "seed=1"});
    add("c.h5", {"quantization.bits=4"});
    add("d.h5", {"quantization.method=rtn"});
    const auto plot = [&](std::vector<std::string> arguments, const std::string& output) {
        const auto script = test::source_dir() / "scripts" / "plot_results.py";
        arguments.insert(arguments.begin(), {"/usr/bin/env", python, script.string()});
        arguments.insert(arguments.end(), {"-o", (folder / output).string()});
        const int exit_code = test::ChildProcess(arguments, folder / "log").wait();
        INFO(test::text_of(folder / "log"));
        CHECK((exit_code == 0) == fs::exists(folder / (output + ".pdf")));
        CHECK((exit_code == 0) == fs::exists(folder / (output + ".png")));
        return exit_code;
    };
    CHECK(plot({"layers", (runs / "a.h5").string()}, "layers") == 0);
    CHECK(plot({"bits", runs.string()}, "bits") == 0);
    CHECK(plot({"ablation", runs.string(), "--key", "quantization.bits"}, "ablation") == 0);
    CHECK(plot({"ablation", runs.string(), "--key", "quantization.order"}, "nothing") == 1);
    CHECK_THAT(test::text_of(folder / "log"),
               ContainsSubstring("error: no two runs of one model differ in quantization.order"));
}
