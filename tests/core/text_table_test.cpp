#include "core/text.hpp"

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("columns are as wide as their widest cell on the screen, numbers to the right") {
    TextTable table({{.heading = "name"}, {.heading = "bits", .to_the_right = true}, {""}}, 2, 1);
    table.add({"‖X‖ of all", "4", "what it is at"});
    table.add({"x", "16"});
    CHECK(table.text() ==
          " name        bits\n"
          " ‖X‖ of all     4  what it is at\n"
          " x             16\n");
}

TEST_CASE("a column has at least its own width, and no line ends in spaces") {
    TextTable table({{.heading = "a", .width = 4}, {.heading = "b", .width = 9}});
    table.add({"1", ""});
    CHECK(table.lines() == std::vector<std::string>{"a    b", "1"});
}
