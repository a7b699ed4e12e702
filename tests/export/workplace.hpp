#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/assets.hpp"

namespace comq::test {

/** Programs of this build in a folder of their own. */
struct Workplace {
    std::filesystem::path folder = temporary_folder();

    /** The exit code; what the program prints is log(). */
    int run(const std::string& program, std::vector<std::string> arguments) const;
    /** A run of a shipped config, without a cache. */
    int experiment(const std::string& config, const std::string& result,
                   std::vector<std::string> more) const;
    std::string file(const std::string& name) const { return (folder / name).string(); }
    std::string log() const { return text_of(folder / "log"); }
};

/**
 * Has python3 find the packages that exports are written with, beside the LibTorch of this build;
 * false where it has not all of them.
 */
bool python_can_export();

/** Whether a script of this folder ends without an error; what it prints is shown. */
bool check_with_python(const std::string& script, const std::vector<std::string>& arguments,
                       const std::filesystem::path& log);

}  // namespace comq::test

/** Leaves the test case, skipped, without the Python packages that write an export. */
#define COMQ_NEED_EXPORTS()                                                             \
    if (!comq::test::python_can_export()) {                                             \
        comq::test::skip("python",                                                      \
                         "python3 with torch, timm, onnx, onnxscript, onnxruntime and " \
                         "compressed-tensors");                                         \
        return;                                                                         \
    }                                                                                   \
    static_cast<void>(0)
