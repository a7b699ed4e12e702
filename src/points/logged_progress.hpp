#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace comq {

/** What a log says of how far a stage is. */
struct LoggedProgress {
    std::string title;
    std::string unit;  ///< what is counted: "images"
    int64_t done = 0;
    int64_t total = 0;
    double per_second = 0.0;
    double seconds_left = 0.0;  ///< 0 when the stage has ended
};

/**
 * Reads a line of progress_text(), or of closing_text() of a complete stage (core/progress.hpp),
 * whose spaces may be squeezed; none for any other line.
 */
std::optional<LoggedProgress> read_progress(const std::string& line);

}  // namespace comq
