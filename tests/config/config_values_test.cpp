#include "config/config_values.hpp"

#include <nlohmann/json.hpp>

#include "core/errors.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("the values of a stored config go by dotted key, lists in flow style") {
    const auto values = config_values(
        "seed: 3\nmodel: {name: 'demo: vit', weights: null}\n"
        "quantization:\n  layers:\n    - {match: '*.head', bits: 8}\n    - {match: a, bits: 2}\n"
        "  empty: []\n",
        "run.h5");
    CHECK(values == ConfigValues{{"seed", "3"},
                                 {"model.name", "demo: vit"},
                                 {"model.weights", "null"},
                                 {"quantization.layers",
                                  "[{match: \"*.head\", bits: 8}, {match: a, bits: 2}]"},
                                 {"quantization.empty", "[]"}});
}

TEST_CASE("a stored config that is no map is named by its file") {
    CHECK_THROWS_AS(config_values("a: [", "run.h5"), InputError);
    CHECK_THROWS_WITH(config_values("a: [", "run.h5"), ContainsSubstring("run.h5:1: "));
    CHECK_THROWS_WITH(config_values("- 3\n", "run.h5"), ContainsSubstring("run.h5: "));
    CHECK_THROWS_AS(stored_config_json("a: [", "run.h5"), InputError);
    CHECK(stored_config_json("a: {b: 3}", "run.h5").dump() == "{\"a\":{\"b\":3}}");
}

TEST_CASE("keys differ in their values or are in one config alone") {
    const auto keys =
        differing_values({{"a", "1"}, {"b", "2"}, {"c", "3"}}, {{"a", "1"}, {"b", "4"}});
    REQUIRE(keys.size() == 2);
    CHECK(keys[0].key == "b");
    CHECK(keys[0].second == "4");
    CHECK(keys[1].first == "3");
    CHECK(keys[1].second == "(none)");
}
