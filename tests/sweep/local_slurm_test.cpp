#include <filesystem>
#include <string>

#include "support/local_slurm.hpp"
#include "sweep/programs.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

ShellResult script(const std::string& arguments) {
    return run_shell((test::source_dir() / "scripts" / "start_local_slurm.sh").string() + " " +
                     arguments + " 2>&1");
}

}  // namespace

TEST_CASE("a local Slurm serves every terminal, and stopping it leaves no task and no job") {
    if (!test::LocalSlurm::possible()) {
        test::skip("assets", "Slurm (packages slurm-wlm and munge)");
        return;
    }
    const fs::path folder = test::temporary_folder() / "slurm";
    const std::string environment = "SLURM_CONF=" + (folder / "slurm.conf").string();
    const auto started = script("--cpus 2 " + folder.string());
    INFO(started.output);
    REQUIRE(started.exit_code == 0);
    CHECK(started.output == "export " + environment + "\n");
    CHECK(script(folder.string()).output == started.output);
    CHECK_THAT(script("--cpus 3 " + folder.string()).output, ContainsSubstring("is in use"));

    // One task runs and does not mind SIGTERM, the others wait.
    const std::string mark = (folder / "running").string();
    const auto submitted =
        run_shell(environment + " sbatch --array=0-3 -c 2 -o " + (folder / "log").string() +
                  " --wrap 'trap \"\" TERM; echo $$ >" + mark + "; sleep 99 & sleep 99' 2>&1");
    INFO(submitted.output);
    REQUIRE(submitted.exit_code == 0);
    REQUIRE(test::wait_until([&] { return fs::exists(mark) && fs::file_size(mark) > 0; }, 30));
    const std::string process = test::text_of(mark);
    CHECK(script("--stop " + folder.string()).exit_code == 0);
    CHECK_FALSE(fs::exists("/proc/" + process.substr(0, process.find('\n'))));
    CHECK(run_shell("for p in $(pgrep 'slurm|munged'); do tr '\\0' ' ' </proc/$p/cmdline; done | "
                    "grep " +
                    folder.string())
              .output.empty());

    // Other settings, other nodes that are not there, and nothing in the queue.
    const auto again = script(
        "--cpus 3 --set 'NodeName=fake CPUs=64 State=CLOUD' --set 'PartitionName=big Nodes=fake' " +
        folder.string());
    INFO(again.output);
    CHECK(again.exit_code == 0);
    CHECK(run_shell(environment + " squeue --noheader").output.empty());
    CHECK(run_shell(environment + " sinfo --noheader --partition=local --format=%c").output ==
          "3\n");
    CHECK(script("--stop " + folder.string()).exit_code == 0);
}
