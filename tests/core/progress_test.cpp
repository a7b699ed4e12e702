#include "core/progress.hpp"

#include "core/text.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

ProgressState state() {
    return {.title = "evaluation, full precision",
            .unit = "images",
            .note = "blocks.10.attn.qkv",
            .done = 1024,
            .total = 50'000,
            .seconds = 4.0};
}

std::string bar(const ProgressState& state, std::size_t columns) {
    std::size_t tail = 0;
    return progress_bar(state, columns, tail);
}

}  // namespace

TEST_CASE("durations and sizes are printed for people") {
    CHECK(format_duration(0.25) == "0.2 s");
    CHECK(format_duration(59.4) == "59 s");
    CHECK(format_duration(185) == "3 min 05 s");
    CHECK(format_duration(7800) == "2 h 10 min");
    CHECK(format_bytes(12) == "12 B");
    CHECK(format_bytes(1.5e9) == "1.5 GB");
    CHECK(format_bytes(999.9e6) == "1 GB");
}

TEST_CASE("a bar never exceeds the columns: it shrinks, then the note is cut, then the rest") {
    for (std::size_t columns = 1; columns <= 200; ++columns) {
        INFO(columns);
        CHECK(display_width(bar(state(), columns)) <= columns);
    }
    CHECK(bar(state(), 200) ==
          "evaluation, full precision  [                        ] 1024/50000 images, 256/s, "
          "3 min 11 s left  blocks.10.attn.qkv");
    CHECK(bar(state(), 99) ==
          "evaluation, full precision  [       ] 1024/50000 images, 256/s, 3 min 11 s left  "
          "blocks.10.attn.qkv");
    CHECK(bar(state(), 80) ==
          "evaluation, full precision  1024/50000 images, 256/s, 3 min 11 s left  blocks.1…");
    CHECK(bar(state(), 40) == "evaluation, full precision  1024/50000 …");
}

TEST_CASE("a bar fills as the work is done") {
    ProgressState half = state();
    half.note.clear();
    half.done = 25'000;
    CHECK_THAT(bar(half, 150), ContainsSubstring("[============            ]"));
    half.done = 60'000;  // more than was announced
    CHECK_THAT(bar(half, 150), ContainsSubstring("[========================]"));
    half.total = 0;
    CHECK_THAT(bar(half, 150), ContainsSubstring("[========================]"));
}

TEST_CASE("a bar keeps its length when the text behind it gets shorter") {
    std::size_t tail = 0;
    ProgressState next = state();
    const auto length = [&] {
        const std::string line = progress_bar(next, 100, tail);
        return line.find(']') - line.find('[');
    };
    const auto first = length();
    next.note = "head";
    CHECK(length() == first);
}

TEST_CASE("a stage that has ended leaves its count and time; one that broke off where it was") {
    ProgressState ended = state();
    CHECK(closing_text(ended) ==
          "evaluation, full precision  1024/50000 images, ended after 4.0 s  blocks.10.attn.qkv");
    ended.done = ended.total = 2000;
    CHECK(closing_text(ended) == "evaluation, full precision  2000/2000 images, 500/s, 4.0 s");
    CHECK(display_width(closing_text(ended)) < 80);
}

TEST_CASE("a log line has no bar") {
    CHECK(progress_text(state()) ==
          "evaluation, full precision  1024/50000 images, 256/s, 3 min 11 s left  "
          "blocks.10.attn.qkv");
}
