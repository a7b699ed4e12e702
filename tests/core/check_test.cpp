#include "core/check.hpp"

#include "core/errors.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

constexpr int line_of_check = __LINE__ + 1;
void need_three(int rows) { COMQ_CHECK(rows == 3); }
void need_three(int rows, const char* name) {
    COMQ_CHECK(rows == 3, "{} rows of '{}'", rows, name);
}

}  // namespace

// The release build, which users have and these tests are of, defines NDEBUG.
TEST_CASE("a check that does not hold is a failure with its line, in every build") {
    CHECK_NOTHROW(need_three(3));
    CHECK_THROWS_AS(need_three(4), Failure);
    CHECK_THROWS_WITH(need_three(4),
                      fmt::format("tests/core/check_test.cpp:{}: rows == 3 does not hold; this is "
                                  "an error of the program, please report it",
                                  line_of_check));
    CHECK_THROWS_WITH(need_three(4, "blocks.0"),
                      ContainsSubstring("does not hold: 4 rows of 'blocks.0'; "));
}

TEST_CASE("a condition is evaluated once, its message only when it does not hold") {
    int evaluated = 0;
    const auto holds = [&] { return ++evaluated > 0; };
    const auto message = [&] { return evaluated += 10; };
    COMQ_CHECK(holds(), "{}", message());
    CHECK(evaluated == 1);
}
