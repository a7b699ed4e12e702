#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/child_process.hpp"
#include "support/assets.hpp"

namespace comq::test {

/** Where export_programs.py has written its networks; none without PyTorch in Python. */
inline const std::optional<std::filesystem::path>& exported_programs() {
    static const auto folder = []() -> std::optional<std::filesystem::path> {
        const auto made = temporary_folder();
        const auto script = source_dir() / "tests" / "networks" / "export_programs.py";
        const char* chosen = std::getenv("COMQ_PYTHON");
        // The bits are those of the LibTorch that is linked.
        for (const std::string python :
             {chosen != nullptr ? chosen : "python3", "python3", "/usr/bin/python3"}) {
            const std::vector<std::string> command{"/usr/bin/env", "PYTHONPATH=" COMQ_TORCH_SITE,
                                                   python, script.string(), made.string()};
            if (ChildProcess(command, made / "log").wait() == 0) return made;
        }
        return std::nullopt;
    }();
    return folder;
}

}  // namespace comq::test

/** Leaves the test case, skipped, unless there are programs; defines `name` as their folder. */
#define COMQ_NEED_PROGRAMS(name)                                                       \
    if (!comq::test::exported_programs()) {                                            \
        comq::test::skip("python", "Python with the PyTorch that comq is built with"); \
        return;                                                                        \
    }                                                                                  \
    [[maybe_unused]] const std::filesystem::path name = *comq::test::exported_programs()
