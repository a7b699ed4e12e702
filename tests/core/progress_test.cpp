#include "core/progress.hpp"

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("durations and sizes are printed for people") {
    CHECK(format_duration(0.25) == "0.2 s");
    CHECK(format_duration(59.4) == "59 s");
    CHECK(format_duration(185) == "3 min 05 s");
    CHECK(format_duration(7800) == "2 h 10 min");
    CHECK(format_bytes(12) == "12 B");
    CHECK(format_bytes(1.5e9) == "1.5 GB");
    CHECK(format_bytes(999.9e6) == "1 GB");
}
