#include <string>

#include "apps/program.hpp"
#include "report/run_text.hpp"
#include "results/run_file.hpp"
#include "sweep/sweep_table_file.hpp"
#include "sweep/sweep_table_text.hpp"

using namespace comq;

int main(int argc, char** argv) {
    Program program(
        "inspect_results",
        "Prints a result file for people, or its layers as CSV; and the table of a sweep.",
        "Examples:\n"
        "  inspect_results results/demo_vit_4bit.h5\n"
        "  inspect_results results/demo_vit_4bit.h5 --sort network --csv -o layers.csv\n"
        "  inspect_results results/order_bits/order_bits.hdf5 --sort top1");
    CLI::App& app = program.arguments();
    std::string file;
    std::string sort = "relative_error";
    bool csv = false;
    app.add_option("FILE", file, "result file (.h5), or a sweep's table (.hdf5)")->required();
    app.add_option("--sort", sort,
                   "column that orders the layers, or \"network\"; of a sweep's table, its points")
        ->capture_default_str();
    app.add_flag("--csv", csv, "print the layers, or the points, as CSV and nothing else");
    program.offer_output_file();
    return program.run(argc, argv, [&] {
        if (is_sweep_table(file)) {
            const SweepTable table = read_sweep_table(file);
            const std::string order = app.count("--sort") > 0 ? sort : "sweep";
            return program.print(csv ? sweep_table_csv(table, order)
                                     : describe_sweep_table(table, file, order));
        }
        const RunRecord run = read_run_file(file, ReadScope::summary);
        program.print(csv ? layers_csv(run, sort) : describe_run(run, file, sort));
    });
}
