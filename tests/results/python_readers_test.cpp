#include <fmt/format.h>

#include <string>

#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/python.hpp"

using namespace comq;

namespace {

void check_reader(const std::string& reader, const std::string& modules) {
    const auto python = test::python_with(modules);
    if (!python) {
        test::skip("python", fmt::format("Python with {}", modules));
        return;
    }
    const auto file = test::temporary_folder() / "run.h5";
    write_run_file(file, test::sample_run());
    const auto script = test::source_dir() / "tests" / "results" / "check_readers.py";
    CHECK(test::run_python(*python, script, fmt::format("{} '{}'", reader, file.string())));
}

}  // namespace

TEST_CASE("h5py reads a run file as the documentation says") { check_reader("h5py", "h5py"); }

TEST_CASE("xarray reads a run file as the documentation says") {
    check_reader("xarray", "xarray, h5netcdf, pandas");
}
