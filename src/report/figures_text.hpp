#pragma once

#include <string>

#include "results/figures.hpp"

namespace comq {

constexpr std::size_t screen_columns = 80;  ///< that texts for people fit into

/** "76.32 ± 0.19"; "-" when not measured. */
std::string format_accuracy(const Measurement& percent);

/** `value` with so many digits behind the point; "-" when not measured. */
std::string format_number(double value, int digits);

/** A table of the accuracies of both networks, and how often they predict the same class. */
std::string accuracy_table(const RunRecord& run);

/** "160 B instead of 1 kB (6.2x), 4.50 bits a weight with scales", without line end. */
std::string size_text(const RunRecord& run);

/** "12 s: calibrate 1.2 s, …" of all stages, without line end; empty when none are recorded. */
std::string time_text(const RunRecord& run);

}  // namespace comq
