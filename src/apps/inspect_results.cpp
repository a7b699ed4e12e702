#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

#include "apps/run_program.hpp"
#include "core/version.hpp"
#include "report/run_text.hpp"
#include "results/run_file.hpp"

using namespace comq;

int main(int argc, char** argv) {
    CLI::App app("Prints a result file for people, or its layers as CSV.", "inspect_results");
    std::string file;
    std::string sort = "relative_error";
    bool csv = false;
    app.add_option("FILE", file, "result file (.h5)")->required();
    app.add_option("--sort", sort, "column that orders the layers, or \"network\"")
        ->capture_default_str();
    app.add_flag("--csv", csv, "print the layers as CSV and nothing else");
    app.set_version_flag("--version", fmt::format("inspect_results {}", version_line()));
    app.footer(
        "Examples:\n"
        "  inspect_results results/demo_vit_4bit.h5\n"
        "  inspect_results results/demo_vit_4bit.h5 --sort network --csv > layers.csv");
    return run_program(app, argc, argv, [&] {
        const RunRecord run = read_run_file(file, ReadScope::summary);
        fmt::print("{}", csv ? layers_csv(run, sort) : describe_run(run, file, sort));
    });
}
