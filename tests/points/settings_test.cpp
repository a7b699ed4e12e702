#include "points/expand.hpp"

#include "support/catch.hpp"

using namespace comq;

namespace {

YamlNode parsed(const std::string& text) {
    ConfigProblems problems;
    const auto node = parse_yaml(text, "test", problems);
    problems.throw_if_any();
    return *node;
}

}  // namespace

TEST_CASE("settings are the leaves of a map, nested or dotted") {
    const auto settings = dotted_keys(parsed("a: {b: 1, c: {d: [2]}}\ne.f: 3\n"));
    REQUIRE(settings.size() == 3);
    CHECK(settings[0].key == "a.b");
    CHECK(settings[1].key == "a.c.d");
    CHECK(settings[2].key == "e.f");
    CHECK(settings[2].value.scalar == "3");
}

TEST_CASE("of a key that two maps set the later one counts, in the place of the first") {
    YamlNode map;
    lay_over(map, parsed("a: {b: 1, c: 2}"));
    lay_over(map, parsed("{d: 4, a: {b: 3}}"));
    REQUIRE(map.entries.size() == 3);
    CHECK(map.entries[0].key == "a.b");
    CHECK(map.entries[0].value.scalar == "3");
    CHECK(map.find("d")->scalar == "4");
}

TEST_CASE("a setting as an override is in quotes only where YAML would misread it") {
    const auto override_text = [](const std::string& text) {
        return override_of(dotted_keys(parsed(text)).front());
    };
    CHECK(override_text("a: {b: 1.0}") == "a.b=1.0");
    CHECK(override_text("a: ${A:-b}/c") == "a=${A:-b}/c");
    CHECK(override_text("a: 'x: y'") == "a=\"x: y\"");
    CHECK(override_text("a: null") == "a=null");
    CHECK(override_text("a: [{match: head, bits: 8}]") == "a=[{match: head, bits: 8}]");
}
