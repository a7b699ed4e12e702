#include "bench/program_ratios.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/measurements.hpp"
#include "core/paths.hpp"
#include "core/progress.hpp"
#include "experiment/known_names.hpp"
#include "experiment/run_experiment.hpp"

namespace comq::bench {

namespace {

namespace fs = std::filesystem;

struct Seconds {
    double calibration;
    double evaluation;
};

Seconds seconds_of(const std::string& config, const fs::path& program, const fs::path& file) {
    // Fewer than 200 images: no other preprocessing is tried on them.
    std::vector<std::string> overrides{"calibration.images=64", "evaluation.images=192",
                                       "quantization.method=rtn", "resources.cache=null",
                                       "output.file=" + file.string()};
    if (!program.empty()) {
        overrides.emplace_back("model.name=null");
        overrides.push_back("model.program=" + program.string());
    }
    const auto configs = data_folder() / "configs";
    const auto run =
        run_experiment(load_config(configs / config, overrides, {known_names(), {configs}}),
                       {Leftover::restart, {}});
    return {stage_seconds(run, "calibrate"), stage_seconds(run, "evaluate full precision")};
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

void measure(const std::string& name, const std::string& config, const fs::path& archive,
             bool quick, nlohmann::ordered_json& figures) {
    const fs::path file = fs::temp_directory_path() / fmt::format("comq-bench-{}.h5", ::getpid());
    std::vector<double> calibration, evaluation;
    const int pairs = quick ? 1 : 9;
    for (int i = 0; i < pairs; ++i) {
        // What else runs on the machine meets both.
        const Seconds family = seconds_of(config, {}, file);
        const Seconds program = seconds_of(config, archive, file);
        calibration.push_back(program.calibration / family.calibration);
        evaluation.push_back(program.evaluation / family.evaluation);
    }
    fs::remove(file);
    fmt::print("{:<24}{:>14.3f}{:>14.3f}\n", name, median(calibration), median(evaluation));
    figures[fmt::format("program_over_family_calibration_{}", name)] = median(calibration);
    figures[fmt::format("program_over_family_evaluation_{}", name)] = median(evaluation);
}

}  // namespace

void measure_programs(bool quick, const fs::path& archives, nlohmann::ordered_json& figures) {
    Progress::set_quiet(true);
    fmt::print("\nA program's time over the family's\n{:<24}{:>14}{:>14}\n", "network",
               "calibration", "evaluation");
    measure("deit_tiny_patch16_224", "deit_tiny_4bit.yaml", archives / "deit_tiny_patch16_224.pt2",
            quick, figures);
    measure("squeezenet1_1", "squeezenet_4bit.yaml", archives / "squeezenet1_1.pt2", quick,
            figures);
}

}  // namespace comq::bench
