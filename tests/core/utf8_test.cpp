#include "core/utf8.hpp"

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
