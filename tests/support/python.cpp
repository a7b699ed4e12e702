#include "support/python.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace comq::test {

std::optional<std::string> python_with(const std::string& modules) {
    const char* chosen = std::getenv("COMQ_PYTHON");
    for (const std::string python :
         {chosen != nullptr ? chosen : "python3", "python3", "/usr/bin/python3"}) {
        const auto command = fmt::format("{} -c 'import {}' >/dev/null 2>&1", python, modules);
        if (std::system(command.c_str()) == 0) return python;
    }
    return std::nullopt;
}

bool run_python(const std::string& python, const std::filesystem::path& script,
                const std::string& arguments) {
    return std::system(fmt::format("{} '{}' {}", python, script.string(), arguments).c_str()) == 0;
}

}  // namespace comq::test
