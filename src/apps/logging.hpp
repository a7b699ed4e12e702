#pragma once

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace comq {

/** Log lines go to the standard error as "warning: …", coloured on a terminal. */
inline void log_to_stderr() {
    spdlog::set_default_logger(spdlog::stderr_color_mt("comq"));
    spdlog::set_pattern("%^%l%$: %v");
}

}  // namespace comq
