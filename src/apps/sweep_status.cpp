#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "apps/program.hpp"
#include "config/value_types.hpp"
#include "core/errors.hpp"
#include "core/interrupt.hpp"
#include "core/json_text.hpp"
#include "sweep/slurm_queue.hpp"
#include "sweep/sweep_spec.hpp"
#include "sweep/sweep_text.hpp"
#include "sweep/watch_sweep.hpp"

using namespace comq;

namespace {

std::vector<PointStatus> statuses_of(const PointSet& sweep,
                                     const std::optional<std::string>& watch) {
    if (!watch) return status_of(sweep, slurm_tasks(sweep, QueueUnknown::warn));
    const auto seconds = parse_number<double>(*watch);
    if (!seconds || *seconds <= 0) {
        throw UsageError("--watch {}: expected seconds; name the sweep before --watch", *watch);
    }
    catch_interrupts();
    return watch_sweep(sweep, std::chrono::duration<double>(*seconds), interrupt_requested());
}

}  // namespace

int main(int argc, char** argv) {
    Program program(
        "sweep_status",
        "Shows which points of a sweep are finished, running, queued or failed, and why, from the "
        "result files, the logs and Slurm.",
        "Examples:\n"
        "  sweep_status experiments/order_bits.yaml\n"
        "  sweep_status experiments/order_bits.yaml --watch\n"
        "Exit codes: 1 when points failed, else those of run_experiment.");
    CLI::App& app = program.arguments();
    std::string file;
    std::vector<std::string> overrides;
    std::optional<std::string> watch;
    app.add_option("SWEEP", file, "sweep file (.yaml)")->required();
    app.add_option("key=value", overrides, "the same as run_sweep was given");
    app.add_option("--watch", watch,
                   "look again every SECONDS (5) until no point is running or queued, then show "
                   "all; Ctrl-C ends it, too")
        ->type_name("SECONDS")
        ->expected(0, 1)
        ->default_str("5");
    program.offer_output_file();
    program.offer_keys([] { return sweep_arguments({}); });
    program.offer_shipped_files("experiments");
    program.offer_json();
    return program.run(argc, argv, [&] {
        const PointSet sweep = open_sweep(file, overrides);
        const auto statuses = statuses_of(sweep, watch);
        program.print(program.json() ? json_text(sweep_json(sweep, statuses))
                                     : status_table(sweep, statuses));
        const auto failed = std::ranges::count(statuses, PointState::failed, &PointStatus::state);
        if (failed > 0) throw Failure("{} of {} points failed", failed, statuses.size());
    });
}
