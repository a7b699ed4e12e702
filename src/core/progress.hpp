#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace comq {

/** How far a stage is. */
struct ProgressState {
    std::string title;
    std::string unit;  ///< what is counted: "images"
    std::string note;  ///< a layer's name, a running loss; may be empty
    int64_t done = 0;
    int64_t total = 0;
    double seconds = 0.0;  ///< since the stage began
};

/** "quantization   12/48 layers, 3.1/s, 12 s left  blocks.3.mlp.fc1": for a log. */
std::string progress_text(const ProgressState& state);

/** The line of a stage that has ended: without the note if it is complete, the time it took. */
std::string closing_text(const ProgressState& state);

/**
 * progress_text with a bar, in at most `columns` columns. Where they are few, the bar gets shorter
 * first and goes, then the note is cut, then the rest. The bar leaves room for `tail_width` columns
 * behind it, the widest tail so far, which is updated, so that it does not flicker.
 */
std::string progress_bar(const ProgressState& state, std::size_t columns, std::size_t& tail_width);

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
