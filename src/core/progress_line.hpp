#pragma once

#include <cstddef>
#include <cstdint>
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

}  // namespace comq
