#include <limits>
#include <string>

#include "apps/program.hpp"
#include "core/json_text.hpp"
#include "report/run_text.hpp"
#include "results/run_file.hpp"
#include "sweep/sweep_table.hpp"

using namespace comq;

namespace {

/** Rows of the table of layers: a count or "all". */
std::size_t rows_of(const std::string& count) {
    return count == "all" ? std::numeric_limits<std::size_t>::max() : std::stoul(count);
}

std::string count_problem(const std::string& text) {
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
    return text == "all" || (digits && text.size() <= 9) ? "" : "must be a count or \"all\"";
}

}  // namespace

int main(int argc, char** argv) {
    Program program(
        "inspect_results",
        "Prints a result file for people: accuracies, size, the config where it differs from the "
        "defaults, the worst layers. Or its layers as CSV, or everything as JSON. Prints the table "
        "of a sweep, too.",
        "Examples:\n"
        "  inspect_results results/demo_vit_4bit.h5\n"
        "  inspect_results results/demo_vit_4bit.h5 --layers all --provenance\n"
        "  inspect_results results/demo_vit_4bit.h5 --sort network --csv -o layers.csv\n"
        "  inspect_results results/order_bits/order_bits.hdf5 --sort top1");
    CLI::App& app = program.arguments();
    std::string file;
    std::string layers = "20";
    DescribeOptions options;
    bool csv = false;
    app.add_option("FILE", file, "result file (.h5), or a sweep's table (.hdf5)")->required();
    app.add_option("--sort", options.sort,
                   "column that orders the layers, or \"network\"; of a sweep's table, its points")
        ->capture_default_str();
    app.add_option("--layers", layers, "how many layers to show: a count or \"all\"")
        ->check(CLI::Validator(count_problem, "N|all"))
        ->capture_default_str();
    app.add_flag("--all-keys", options.every_key, "print config keys at their default too");
    app.add_flag("--provenance", options.whole_provenance,
                 "print versions, digests, machine and the time of each stage");
    app.add_flag("--csv", csv, "print all layers, or the points, as CSV and nothing else");
    program.offer_json();
    program.offer_output_file();
    return program.run(argc, argv, [&] {
        options.layers = rows_of(layers);
        if (is_sweep_table(file)) {
            const SweepTable table = read_sweep_table(file);
            const std::string order = app.count("--sort") > 0 ? options.sort : "sweep";
            if (program.json()) return program.print(json_text(sweep_table_json(table, order)));
            return program.print(csv ? sweep_table_csv(table, order)
                                     : describe_sweep_table(table, file, order));
        }
        const RunRecord run = read_run_file(file, ReadScope::summary);
        if (program.json()) {
            program.print(json_text(run_json(run, file, options.sort)));
        } else {
            program.print(csv ? layers_csv(run, options.sort) : describe_run(run, file, options));
        }
    });
}
