#include "core/text.hpp"

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("text in UTF-8 is known from other bytes") {
    for (const char* text : {"", "plain", "é", "‖X‖", "\xf0\x9f\x98\x80"}) CHECK(is_utf8(text));
    for (const char* bytes : {"\xff", "a\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xe0\x80\x80",
                              "\xf4\x90\x80\x80", "\xe2\x80"}) {
        CAPTURE(bytes);
        CHECK_FALSE(is_utf8(bytes));
        CHECK(is_utf8(replace_invalid_utf8(bytes)));
    }
}

TEST_CASE("only the bytes that are no text are replaced") {
    CHECK(replace_invalid_utf8("/a é/\xff.h5") == "/a é/\uFFFD.h5");
    CHECK(replace_invalid_utf8("x\xe2\x80y") == "x\uFFFD\uFFFDy");
    CHECK(replace_invalid_utf8("é") == "é");
}

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

TEST_CASE("control characters are shown, lines and UTF-8 stay") {
    CHECK(without_control_characters("a\x1b[31mb\rc\x7f") == "a\\x1b[31mb\\x0dc\\x7f");
    CHECK(without_control_characters(std::string_view("é\n\t\0", 5)) == "é\n\t\\x00");
}
