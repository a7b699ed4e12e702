#pragma once

#include <fmt/format.h>

#include <source_location>
#include <string>

namespace comq {

/** Throws the Failure of a broken COMQ_CHECK. */
[[noreturn]] void check_failed(const char* condition, const std::string& message = {},
                               std::source_location where = std::source_location::current());

}  // namespace comq

/**
 * A promise between rooms (shapes, ranges, invariants), checked in every build, since a broken one
 * would give wrong numbers and no error: a Failure with file, line and condition. After the
 * condition a message for fmt::format may say with what values. `assert` is for inner loops, where
 * a check would cost time; what a user can cause is an Error of its own and no check.
 */
#define COMQ_CHECK(condition, ...)                                                   \
    do {                                                                             \
        if (!(condition)) [[unlikely]] {                                             \
            ::comq::check_failed(#condition __VA_OPT__(, fmt::format(__VA_ARGS__))); \
        }                                                                            \
    } while (false)
