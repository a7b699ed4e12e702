#pragma once

namespace comq {

/**
 * Log lines go to the standard error as "warning: …", above a progress bar if one is drawn, and
 * coloured on a terminal unless NO_COLOR is set (no-color.org).
 */
void log_above_progress();

}  // namespace comq
