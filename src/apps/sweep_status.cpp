#include <string>
#include <vector>

#include "apps/program.hpp"
#include "sweep/launch_slurm.hpp"
#include "sweep/open_sweep.hpp"
#include "sweep/sweep_text.hpp"

using namespace comq;

int main(int argc, char** argv) {
    Program program(
        "sweep_status",
        "Shows which points of a sweep are finished, running, queued or failed, and why, from the "
        "result files, the logs and Slurm.",
        "Example:\n  sweep_status experiments/order_bits.yaml");
    CLI::App& app = program.arguments();
    std::string file;
    std::vector<std::string> overrides;
    app.add_option("SWEEP", file, "sweep file (.yaml)")->required();
    app.add_option("key=value", overrides, "the same as run_sweep was given");
    program.offer_output_file();
    program.offer_keys([] { return sweep_arguments({}); });
    program.offer_shipped_files("experiments");
    return program.run(argc, argv, [&] {
        const Sweep sweep = open_sweep(file, overrides);
        program.print(
            status_table(sweep, status_of(sweep, slurm_tasks(sweep, QueueUnknown::warn))));
    });
}
