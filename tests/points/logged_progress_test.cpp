#include "points/logged_progress.hpp"

#include "core/progress.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("a line of progress is read back from a log, and no other line is taken for one") {
    ProgressState state{.title = "evaluation, full precision",
                        .unit = "images",
                        .note = "blocks.10.attn.qkv",
                        .done = 1024,
                        .total = 50'000};
    for (const double seconds : {0.01, 4.0, 40.0, 4000.0}) {
        state.seconds = seconds;
        const auto read = read_progress(progress_text(state));
        REQUIRE(read);
        CHECK(read->title == state.title);
        CHECK(read->unit == state.unit);
        CHECK(read->done == state.done);
        CHECK(read->total == state.total);
        CHECK(read->per_second == Approx(1024 / seconds).epsilon(0.2));
        CHECK(read->seconds_left == Approx(seconds * 48'976 / 1024).epsilon(0.1));
    }
    CHECK(read_progress("calibration 3/10 images, 1.0/s, 7.0 s left")->seconds_left == 7);

    state.done = state.total;
    CHECK(read_progress(closing_text(state))->seconds_left == 0);
    state.done = 12;
    for (const std::string& line :
         {closing_text(state), std::string("info: read 3/10 images"), std::string()}) {
        CHECK_FALSE(read_progress(line));
    }
}
