#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "core/errors.hpp"

namespace comq {

/** The error of a file that did not arrive whole: "FILE: what (download it again)". */
template <typename... Args>
InputError damaged_file(const std::string& file, fmt::format_string<Args...> what, Args&&... args) {
    return InputError("{}: {} (download it again)", file,
                      fmt::format(what, std::forward<Args>(args)...));
}

}  // namespace comq
