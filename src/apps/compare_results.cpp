#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

#include "apps/run_program.hpp"
#include "core/version.hpp"
#include "report/compare_runs.hpp"
#include "results/run_file.hpp"

using namespace comq;

int main(int argc, char** argv) {
    CLI::App app(
        "Says in which config keys, layers and accuracies two runs differ, with McNemar's paired "
        "test when they were evaluated on the same images.",
        "compare_results");
    std::string first;
    std::string second;
    app.add_option("FIRST", first, "result file (.h5)")->required();
    app.add_option("SECOND", second, "result file (.h5)")->required();
    app.set_version_flag("--version", fmt::format("compare_results {}", version_line()));
    app.footer("Example:\n  compare_results results/deit_tiny_rtn.h5 results/deit_tiny_comq.h5");
    return run_program(app, argc, argv, [&] {
        const RunRecord a = read_run_file(first, ReadScope::everything);
        const RunRecord b = read_run_file(second, ReadScope::everything);
        fmt::print("first:  {}\nsecond: {}\n{}", first, second,
                   describe_comparison(compare_runs(a, b)));
    });
}
