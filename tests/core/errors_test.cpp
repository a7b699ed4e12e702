#include "core/errors.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("an error of a file is one line that a terminal shows as it is") {
    const std::string name = "layer\nerror: \x1b[2Kall is well\t\x7f é";
    CHECK(std::string(InputError("a.pth: tensor '{}'", name).what()) ==
          "a.pth: tensor 'layer\\nerror: \\x1b[2Kall is well\\x09\\x7f é'");
}

TEST_CASE("an error of a config has a line for each problem") {
    CHECK(std::string(UsageError("{}\n{}", "a.yaml:1: \x1b", "a.yaml:2").what()) ==
          "a.yaml:1: \\x1b\na.yaml:2");
}
