// Ratios measured in one run of one machine: scripts/run_benchmarks.sh.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/program.hpp"
#include "bench/forward_ratios.hpp"
#include "bench/layout_ratios.hpp"
#include "bench/pipeline_ratios.hpp"
#include "bench/program_ratios.hpp"
#include "bench/solver_ratios.hpp"
#include "core/threads.hpp"
#include "results/provenance.hpp"
#include "torch_bridge/runtime.hpp"

int main(int argc, char** argv) {
    using namespace comq;
    Program program("bench_ratios",
                    "Measures comq against what the machine can do, as ratios within one run.", "");
    CLI::App& app = program.arguments();
    bool quick = false;
    std::string json;
    std::string archives;
    std::string only;
    app.add_flag("--quick", quick, "a fraction of the work");
    app.add_option("--json", json, "file for the figures");
    app.add_option("--programs", archives, "folder of what export_programs.py wrote: programs, and weights by name");
    app.add_option("--only", only, "one kind of them")
        ->check(CLI::IsMember({"solver", "layouts", "pipeline", "programs", "forwards"}));
    return program.run(argc, argv, [&] {
        spdlog::set_level(spdlog::level::warn);
        set_torch_threads(available_cores());
        nlohmann::ordered_json figures;
        figures["libtorch"] = torch_version();
        figures["instruction_set"] = torch_cpu_capability();
        figures["threads"] = thread_count();
        const auto wanted = [&](const char* kind) { return only.empty() || only == kind; };
        if (wanted("solver")) bench::measure_solver(quick, figures);
        if (wanted("layouts")) bench::measure_layouts(quick, figures);
        if (wanted("pipeline")) bench::measure_pipeline(quick, COMQ_PROGRAMS, figures);
        if (wanted("programs") && !archives.empty())
            bench::measure_programs(quick, archives, figures);
        if (wanted("forwards") && !archives.empty())
            bench::measure_forwards(quick, archives, figures);
        if (!json.empty()) std::ofstream(json) << figures.dump(2) << '\n';
    });
}
