#include <cstdlib>
#include <filesystem>

#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

// schema_1_0.h5 was written by the first version of comq and is never written again: every later
// version must read it as it is. A column added by a minor version has a fixture of its own.
TEST_CASE("the run file of schema 1.0 is still read") {
    const auto file = test::source_dir() / "tests" / "results" / "files" / "schema_1_0.h5";
    test::check_equal(read_run_file(file, ReadScope::everything), test::sample_run());
}

TEST_CASE("writes a fixture of the schema", "[.write_fixture]") {
    const char* file = std::getenv("COMQ_FIXTURE");
    REQUIRE(file != nullptr);
    write_run_file(file, test::sample_run());
    CHECK(std::filesystem::exists(file));
}
