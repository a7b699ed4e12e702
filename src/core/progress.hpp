#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "core/progress_line.hpp"

namespace comq {

/**
 * Progress of one stage on standard error. On a terminal a bar that redraws itself, at most ten
 * times a second and always within the width of the screen; of bars at the same time the one that
 * advanced last is seen. When the stage ends one line is left, on a terminal and in a log; a log
 * gets a line a minute besides while a stage lasts longer. Nothing when quiet. Thread-safe.
 */
class Progress {
  public:
    /** `unit` names what is counted ("images", "layers"). */
    Progress(std::string title, std::string unit, int64_t total);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /** Counts `amount` more; `note` (a layer's name, a running loss) stands at the end. */
    void advance(int64_t amount = 1, const std::string& note = {});
    /** Prints the closing line; the destructor calls it. */
    void finish();

    /** Silences every later Progress of the process. */
    static void set_quiet(bool quiet);

  private:
    using Clock = std::chrono::steady_clock;
    void draw();

    std::mutex mutex_;
    ProgressState state_;
    std::size_t tail_width_ = 0;  ///< columns of the widest text behind the bar so far
    Clock::time_point start_;
    Clock::time_point last_print_;
    bool terminal_;
    bool finished_ = false;
};

}  // namespace comq
