#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace comq {

/**
 * Progress of one stage on standard error: a bar that redraws itself on a terminal, plain lines
 * about every ten seconds elsewhere, nothing when quiet. Thread-safe.
 */
class Progress {
  public:
    /** `unit` names what is counted ("images", "layers"). */
    Progress(std::string title, std::string unit, int64_t total);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /** Counts `amount` more; `note` (a layer's name, a running accuracy) stands at the end. */
    void advance(int64_t amount = 1, const std::string& note = {});
    /** Prints the closing line; the destructor calls it. */
    void finish();

    /** Silences every later Progress of the process. */
    static void set_quiet(bool quiet);

  private:
    using Clock = std::chrono::steady_clock;
    std::string status_line(Clock::time_point now) const;

    std::mutex mutex_;
    std::string title_;
    std::string unit_;
    std::string note_;
    int64_t total_;
    int64_t done_ = 0;
    Clock::time_point start_;
    Clock::time_point last_print_;
    bool terminal_;
    bool finished_ = false;
};

/** "12 s", "3 min 05 s", "2 h 10 min". */
std::string format_duration(double seconds);
/** "1.5 GB" in powers of 1000. */
std::string format_bytes(double bytes);

}  // namespace comq
