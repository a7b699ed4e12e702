#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "apps/logging.hpp"
#include "apps/run_program.hpp"
#include "core/version.hpp"
#include "sweep/launch_slurm.hpp"
#include "sweep/open_sweep.hpp"
#include "sweep/sweep_text.hpp"

using namespace comq;

int main(int argc, char** argv) {
    CLI::App app(
        "Shows which points of a sweep are finished, running, queued or failed, and why, from the "
        "result files, the logs and Slurm.",
        "sweep_status");
    std::string file;
    std::vector<std::string> overrides;
    app.add_option("SWEEP", file, "sweep file (.yaml)")->required();
    app.add_option("key=value", overrides, "the same as run_sweep was given");
    app.set_version_flag("--version", fmt::format("sweep_status {}", version_line()));
    app.footer("Example:\n  sweep_status experiments/order_bits.yaml");
    log_to_stderr();
    return run_program(app, argc, argv, [&] {
        const Sweep sweep = open_sweep(file, overrides);
        fmt::print("{}",
                   status_table(sweep, status_of(sweep, slurm_tasks(sweep, QueueUnknown::warn))));
    });
}
