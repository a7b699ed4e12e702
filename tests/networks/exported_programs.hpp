#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/assets.hpp"

namespace comq::test {

/**
 * Where a script of this folder (export_NAME.py) has written its programs, in the build folder:
 * once, until one of the scripts changes. None without PyTorch in Python, or where the script ends in
 * 77 for the lack of another package.
 */
std::optional<std::filesystem::path> exported(const std::string& name);

/**
 * Runs a script with PyTorch, its output in `log`; the exit code of the first Python that has
 * PyTorch, none without one.
 */
std::optional<int> run_with_torch(const std::filesystem::path& script,
                                  const std::vector<std::string>& arguments,
                                  const std::filesystem::path& log);

/** The names of the programs in a folder, sorted: NAME.pt2, with NAME.images and so on beside it.
 */
std::vector<std::string> names_of_programs(const std::filesystem::path& folder);

}  // namespace comq::test

/** Leaves the test case, skipped, without what export_SCRIPT.py writes; `name` is its folder. */
#define COMQ_NEED_EXPORTED(script, name)                                               \
    const auto name##_or_none = comq::test::exported(script);                          \
    if (!name##_or_none) {                                                             \
        comq::test::skip("python", "Python with the PyTorch that comq is built with, torchvision and timm"); \
        return;                                                                        \
    }                                                                                  \
    [[maybe_unused]] const std::filesystem::path name = *name##_or_none

#define COMQ_NEED_PROGRAMS(name) COMQ_NEED_EXPORTED("programs", name)
