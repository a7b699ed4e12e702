#pragma once

#include <string>

namespace comq {

/** "12 s", "3 min 05 s", "2 h 10 min". */
std::string format_duration(double seconds);

/** "1.5 GB" in powers of 1000. */
std::string format_bytes(double bytes);

}  // namespace comq
