#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "support/assets.hpp"

namespace comq::test {

/**
 * Programs by the names of Slurm's that run no task: sbatch puts an array's tasks into a queue,
 * which squeue prints. For what a real Slurm does only when its controller is busy.
 */
class FakeSlurm {
  public:
    FakeSlurm() {
        // As the real one does, it takes a while, and gives each job a number of its own.
        write_program("sbatch", R"sh(
for word; do
    case $word in --comment=*) comment=${word#*=} ;; esac
    script=$word
done
echo call >>"$folder/calls"
sleep 0.2
if [ ! -e "$folder/lost_request" ]; then
    exec 9>"$folder/lock"
    flock 9
    job=$(($(cat "$folder/jobs" 2>/dev/null || echo 0) + 1))
    echo $job >"$folder/jobs"
    last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$script")
    for task in $(seq 0 "$last"); do
        echo "${job}_$task|PENDING|Resources|$comment"
    done >>"$folder/queue"
fi
if [ -e "$folder/lost_request" ] || [ -e "$folder/lost_answer" ]; then
    echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
    exit 1
fi
echo $job
)sh");
        write_program("squeue", R"sh(
if [ -e "$folder/down" ]; then
    echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2
    exit 1
fi
cat "$folder/queue" 2>/dev/null || true
)sh");
        write_program("scontrol", "");
        write_program("sinfo", "");
    }

    std::string environment() const { return "PATH=" + folder_.string() + ":$PATH"; }
    /** "lost_answer", "lost_request" of sbatch, "down" of squeue. */
    void set(const std::string& fault) const { std::ofstream(folder_ / fault) << "x"; }
    void clear(const std::string& fault) const { std::filesystem::remove(folder_ / fault); }
    /** A line of squeue: "7_0|PENDING|Resources|(null)". */
    void add_to_queue(const std::string& line) const {
        std::ofstream(folder_ / "queue", std::ios::app) << line << "\n";
    }
    /** "1_0", "1_1" and so on. */
    std::set<std::string> queued() const {
        std::set<std::string> tasks;
        std::ifstream queue(folder_ / "queue");
        for (std::string line; std::getline(queue, line);) {
            tasks.insert(line.substr(0, line.find('|')));
        }
        return tasks;
    }
    /** How often sbatch was called. */
    std::size_t submissions() const {
        const auto calls = folder_ / "calls";
        return std::filesystem::exists(calls) ? std::filesystem::file_size(calls) / 5 : 0;
    }

  private:
    void write_program(const std::string& name, const std::string& body) const {
        std::ofstream(folder_ / name) << "#!/bin/bash\nfolder=" << folder_.string() << "\n" << body;
        std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
    }

    std::filesystem::path folder_ = temporary_folder();
};

}  // namespace comq::test
