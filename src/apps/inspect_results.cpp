#include <string>

#include "apps/program.hpp"
#include "report/run_text.hpp"
#include "results/run_file.hpp"

using namespace comq;

int main(int argc, char** argv) {
    Program program(
        "inspect_results", "Prints a result file for people, or its layers as CSV.",
        "Examples:\n"
        "  inspect_results results/demo_vit_4bit.h5\n"
        "  inspect_results results/demo_vit_4bit.h5 --sort network --csv -o layers.csv");
    CLI::App& app = program.arguments();
    std::string file;
    std::string sort = "relative_error";
    bool csv = false;
    app.add_option("FILE", file, "result file (.h5)")->required();
    app.add_option("--sort", sort, "column that orders the layers, or \"network\"")
        ->capture_default_str();
    app.add_flag("--csv", csv, "print the layers as CSV and nothing else");
    program.offer_output_file();
    return program.run(argc, argv, [&] {
        const RunRecord run = read_run_file(file, ReadScope::summary);
        program.print(csv ? layers_csv(run, sort) : describe_run(run, file, sort));
    });
}
