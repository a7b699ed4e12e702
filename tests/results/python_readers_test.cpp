#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

bool succeeds(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/** $COMQ_PYTHON, python3 of the path, or the system's: the first that has the modules. */
std::optional<std::string> python_with(const std::string& modules) {
    const char* chosen = std::getenv("COMQ_PYTHON");
    for (const std::string python :
         {chosen != nullptr ? chosen : "python3", "python3", "/usr/bin/python3"}) {
        if (succeeds(fmt::format("{} -c 'import {}'", python, modules))) return python;
    }
    return std::nullopt;
}

void check_reader(const std::string& reader, const std::string& modules) {
    const auto python = python_with(modules);
    if (!python) {
        test::skip("python", fmt::format("Python with {}", modules));
        return;
    }
    const auto file = test::temporary_folder() / "run.h5";
    write_run_file(file, test::sample_run());
    const auto script = test::source_dir() / "tests" / "results" / "check_readers.py";
    INFO(*python << " " << script << " " << reader);
    CHECK(
        std::system(fmt::format("{} '{}' {} '{}'", *python, script.string(), reader, file.string())
                        .c_str()) == 0);
}

}  // namespace

TEST_CASE("h5py reads a run file as the documentation says") { check_reader("h5py", "h5py"); }

TEST_CASE("xarray reads a run file as the documentation says") {
    check_reader("xarray", "xarray, h5netcdf, pandas");
}
