#pragma once

#include <fmt/format.h>
#include <sys/types.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "core/child_process.hpp"
#include "points/point_status.hpp"
#include "storage/file_lock.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

namespace comq::test {

/** Runs a program of this build; both streams are in the output. */
inline ShellResult run_program(const std::string& program, const std::string& arguments,
                               const std::string& environment = "") {
    return run_shell(fmt::format("{} COMQ_DATA={} {}/{} {} 2>&1", environment,
                                 shell_quoted(source_dir().string()), COMQ_PROGRAMS, program,
                                 arguments));
}

/** A sweep of the demo transformer in a folder of its own, each point a matter of seconds. */
class DemoSweep {
  public:
    explicit DemoSweep(const std::string& text, const std::string& size = "evaluation.images: 64") {
        std::ofstream(file()) << "config: configs/demo_vit_4bit.yaml\n"
                                 "overrides: {calibration.images: 16, "
                              << size << "}\nfolder: " << out().string() << "\n"
                              << text;
    }

    std::filesystem::path file() const { return folder_ / "demo.yaml"; }
    std::filesystem::path out() const { return folder_ / "out"; }
    ShellResult run(const std::string& arguments, const std::string& environment = "") const {
        return run_program("run_sweep", file().string() + " " + arguments, environment);
    }
    ShellResult status(const std::string& environment = "") const {
        return run_program("sweep_status", file().string(), environment);
    }
    /** Names of the finished results with their times of writing: none is written twice. */
    std::map<std::string, std::filesystem::file_time_type> results() const {
        std::map<std::string, std::filesystem::file_time_type> times;
        for (const auto& entry : std::filesystem::directory_iterator(out())) {
            if (entry.path().extension() == ".h5") {
                times[entry.path().filename().string()] = entry.last_write_time();
            }
        }
        return times;
    }
    /** How many lines of all logs begin with `line`. */
    int64_t logged(const std::string& line) const {
        int64_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(out() / "logs")) {
            std::ifstream stream(entry.path());
            for (std::string text; std::getline(stream, text);) count += text.starts_with(line);
        }
        return count;
    }

  private:
    std::filesystem::path folder_ = temporary_folder();
};

/** The process that computes a point, 0 when none does. */
inline pid_t process_of(const Point& point) {
    pid_t process = 0;
    const auto holder = lock_holder(point.result());
    if (holder) std::sscanf(holder->c_str(), "process %d", &process);
    return process;
}

/** Polls `condition` for at most `seconds`. */
template <typename Condition>
bool wait_until(Condition&& condition, int seconds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return true;
}

}  // namespace comq::test
