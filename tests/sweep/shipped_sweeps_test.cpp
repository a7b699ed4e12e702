#include "sweep/programs.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("every sweep that comes with comq can be planned as it stands and on real networks") {
    int sweeps = 0;
    for (const auto& entry : fs::directory_iterator(test::source_dir() / "experiments")) {
        const auto name = entry.path().filename().string();
        if (!name.ends_with(".yaml") || name.starts_with("table_")) continue;  // for make_tables
        ++sweeps;
        INFO(entry.path().string());
        const std::string folder = "folder=" + (test::temporary_folder() / "out").string();
        const auto plan = test::run_program(
            "run_sweep", fmt::format("{} --dry-run {}", entry.path().string(), folder));
        INFO(plan.output);
        CHECK(plan.exit_code == 0);
        CHECK_THAT(plan.output, ContainsSubstring(" waiting\n") && ContainsSubstring("to be run"));
        const auto real = test::run_program(
            "run_sweep", fmt::format("{} --dry-run --launcher slurm {} "
                                     "config=configs/deit_tiny_4bit.yaml data.root=/data/imagenet",
                                     entry.path().string(), folder));
        INFO(real.output);
        CHECK(real.exit_code == 0);
        CHECK_THAT(real.output, ContainsSubstring("#SBATCH --array=0-"));
    }
    CHECK(sweeps >= 6);
}
