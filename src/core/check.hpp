#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace comq {

/** Throws the Failure of a broken COMQ_CHECK. */
[[noreturn]] void check_failed(std::string_view file, int line, const char* condition,
                               const std::string& message = {});

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
            ::comq::check_failed(__FILE__, __LINE__,                                 \
                                 #condition __VA_OPT__(, fmt::format(__VA_ARGS__))); \
        }                                                                            \
    } while (false)
