#pragma once

#include <filesystem>
#include <string>

#include "core/child_process.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

namespace comq::test {

/** A private Slurm of this test (scripts/start_local_slurm.sh), stopped at the end. */
class LocalSlurm {
  public:
    explicit LocalSlurm(const std::string& options = "") {
        const auto started =
            run_shell(script() + " --cpus 4 " + options + " " + folder_.string() + " 2>&1");
        INFO(started.output);
        REQUIRE(started.exit_code == 0);
    }
    ~LocalSlurm() { run_shell(script() + " --stop " + folder_.string()); }
    LocalSlurm(const LocalSlurm&) = delete;
    LocalSlurm& operator=(const LocalSlurm&) = delete;

    static bool possible() {
        return run_shell("PATH=$PATH:/usr/sbin; command -v munged slurmctld slurmd sbatch")
                   .exit_code == 0;
    }
    std::string environment() const { return "SLURM_CONF=" + (folder_ / "slurm.conf").string(); }
    /** What a command that talks to it prints, on both streams. */
    std::string ask(const std::string& command) const { return run(command).output; }
    ShellResult run(const std::string& command) const {
        return run_shell(environment() + " " + command + " 2>&1");
    }

  private:
    static std::string script() {
        return (source_dir() / "scripts" / "start_local_slurm.sh").string();
    }
    std::filesystem::path folder_ = temporary_folder() / "slurm";
};

}  // namespace comq::test
