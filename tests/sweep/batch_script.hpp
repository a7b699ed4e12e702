#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "core/child_process.hpp"
#include "points/point_status.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "sweep/slurm_script.hpp"
#include "sweep/sweep_files.hpp"

namespace comq::test {

/**
 * The batch script of a task with a program and a scontrol made for the test: what it is asked for
 * goes to "requeued", and what it shows of the job comes from "job".
 */
class BatchScript {
  public:
    /** `program` is shell: it sees the point's files from the sweep's folder. */
    explicit BatchScript(const std::string& program, const std::string& slurm = "{}",
                         std::size_t points = 1) {
        sweep_ = folder_.open(fmt::format("grid: {{calibration.images: [{}]}}\nslurm: {}\n",
                                          fmt::join(counted(points), ", "), slurm));
        const auto all = counted(points, 0);
        prepare_folder(sweep_, all);
        write_program("program", "point=$(basename \"$1\" .yaml)\n" + program);
        write_program("scontrol",
                      fmt::format("if [ $1 = show ]; then cat {}; else echo \"$@\" >>{}; fi\n",
                                  file("job").string(), file("requeued").string()));
        std::ofstream(file("batch.sh")) << slurm_script(sweep_, all, file("program"), 1);
    }

    /** Runs it as task 0 of job 7; `signal`, when given, is sent to it after `program` is ready. */
    int run(const std::string& signal = "") const {
        const std::string ready = file("ready").string();
        const std::string send =
            signal.empty() ? ""
                           : fmt::format("while [ ! -e {} ]; do sleep 0.02; done; kill -s {} $!; ",
                                         ready, signal);
        return run_shell(fmt::format("PATH={}:$PATH; export SLURM_ARRAY_JOB_ID=7 "
                                     "SLURM_ARRAY_TASK_ID=0; bash {} >{} 2>&1 & {}wait $!",
                                     folder_.path().string(), file("batch.sh").string(),
                                     file("log").string(), send))
            .exit_code;
    }

    std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }
    const PointSet& sweep() const { return sweep_; }
    std::filesystem::path result(std::size_t point = 0) const {
        return sweep_.points[point].result();
    }
    std::optional<Outcome> outcome(std::size_t point = 0) const {
        return read_outcome(sweep_, sweep_.points[point]);
    }

  private:
    static std::vector<std::size_t> counted(std::size_t count, std::size_t first = 1) {
        std::vector<std::size_t> numbers(count);
        std::iota(numbers.begin(), numbers.end(), first);
        return numbers;
    }
    void write_program(const std::string& name, const std::string& body) const {
        std::ofstream(file(name)) << "#!/bin/bash\n" + body;
        std::filesystem::permissions(file(name), std::filesystem::perms::owner_all);
    }

    SweepFolder folder_;
    PointSet sweep_;
};

/** Waits for a signal, finishes the part `part` if there is one, and exits like run_experiment. */
inline std::string interruptible(const std::string& part) {
    return fmt::format(
        "trap 'stop=1' USR1 TERM\n"
        "touch ../ready 2>/dev/null\n"
        "while [ -z \"$stop\" ]; do sleep 0.02; done\n"
        "{}exit 75\n",
        part.empty() ? "" : "mkdir -p $point.h5.parts; touch $point.h5.parts/" + part + "\n");
}

}  // namespace comq::test
