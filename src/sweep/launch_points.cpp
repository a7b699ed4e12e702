#include "sweep/launch_points.hpp"

#include <fmt/format.h>

#include "core/terminal.hpp"
#include "experiment_config/config_paths.hpp"
#include "sweep/launch_local.hpp"
#include "sweep/launch_slurm.hpp"
#include "sweep/sweep_text.hpp"

namespace comq {

const std::map<std::string, Launcher>& launchers() {
    static const std::map<std::string, Launcher> names{{"local", Launcher::local},
                                                       {"slurm", Launcher::slurm}};
    return names;
}

std::filesystem::path experiment_program() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "run_experiment";
}

LaunchPlan plan_launch(const PointSet& set, const LaunchOptions& options, bool launches) {
    const bool by_slurm = options.launcher == Launcher::slurm;
    const auto unknown = by_slurm && launches ? QueueUnknown::refuse : QueueUnknown::warn;
    LaunchPlan plan{status_of(set, slurm_tasks(set, unknown)), {}};
    for (std::size_t i = 0; i < plan.statuses.size(); ++i) {
        if (to_be_run(plan.statuses[i].state, options.only_failed)) plan.chosen.push_back(i);
    }
    return plan;
}

std::vector<std::string> launch_points(const PointSet& set, const LaunchPlan& plan,
                                       const LaunchOptions& options,
                                       const std::atomic<bool>& stop) {
    for (const auto i : plan.chosen) check_paths(set.points[i].config);
    if (options.launcher == Launcher::slurm) {
        return launch_slurm(set, plan.chosen, options.program);
    }
    inform(fmt::format("{}; running {} in {}\n", count_line(plan.statuses), plan.chosen.size(),
                       set.folder.string()));
    launch_local(set, plan.chosen, {options.program, options.fail_fast}, stop);
    return {};
}

}  // namespace comq
