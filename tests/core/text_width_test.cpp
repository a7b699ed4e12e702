#include "core/text_width.hpp"

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("the width of a text is what a terminal shows") {
    CHECK(display_width("blocks.0.attn") == 13);
    CHECK(display_width("‖X(W−Wq)‖") == 9);
    CHECK(display_width("93.15 ± 0.56") == 12);
    CHECK(display_width("写真") == 4);
    CHECK(display_width("🙂") == 2);
    CHECK(display_width("e\u0301") == 1);
    CHECK(display_width("\xff\xfe") == 2);
    CHECK(display_width("\xe2\x80") == 2);  // cut off in a character
    CHECK(display_width("") == 0);
}

TEST_CASE("a text is cut to columns, with a mark where something is missing") {
    CHECK(cut("layers", 6) == "layers");
    CHECK(cut("layers", 5) == "laye…");
    CHECK(cut("写真集", 5) == "写真…");
    CHECK(cut("写真集", 4) == "写…");
    CHECK(cut("ab", 1) == "…");
    CHECK(cut("ab", 0).empty());
}

TEST_CASE("a text is padded by what is shown, and never cut") {
    CHECK(padded("±", 3) == "±  ");
    CHECK(padded("four", 3) == "four");
}

TEST_CASE("words are wrapped between lines, long ones whole") {
    CHECK(wrapped("one two three", 2, 9) == "one two\n  three");
    CHECK(wrapped("  ± ± ±\n± ", 0, 3) == "± ±\n± ±");
    CHECK(wrapped("a/very/long/path b", 4, 10) == "a/very/long/path\n    b");
    CHECK(wrapped("", 4).empty());
}
