#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace comq::test {

/** $COMQ_PYTHON, python3 of the path, or the system's: the first that has the modules. */
std::optional<std::string> python_with(const std::string& modules);

/** Whether the script ends without an error; what it prints is shown. */
bool run_python(const std::string& python, const std::filesystem::path& script,
                const std::string& arguments);

}  // namespace comq::test
