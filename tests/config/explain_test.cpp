#include "config/explain.hpp"

#include <nlohmann/json.hpp>

#include "config/config_values.hpp"
#include "core/errors.hpp"
#include "core/text.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

std::vector<KeyInfo> keys() {
    return {{.key = "name", .meaning = "What it is called.", .required = true, .type = "a text"},
            {.key = "page.margin",
             .meaning = "White on each side of a Table.",
             .unit = "mm",
             .affects = Effect::resource,
             .type = "integer, 0 to 9",
             .default_text = "2"},
            {.key = "page.scale",
             .meaning = "Factor on everything that is printed, be it a table, a figure, a page "
                        "number or a note at its foot.",
             .affects = Effect::statistics | Effect::solution,
             .read_by = {"comq", "gptq"},
             .type = "number, 0.1 to 10",
             .default_text = "1.5"},
            {.key = "table.margin",
             .meaning = "Between two columns.",
             .type = "none | narrow",
             .default_text = "none"}};
}

std::vector<std::string> found(const std::string& name) {
    std::vector<std::string> names;
    for (const auto& info : find_keys(keys(), name).keys) names.push_back(info.key);
    return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a key, a section and all keys are found by name") {
    CHECK(found("page.scale") == Names{"page.scale"});
    CHECK(found("page") == Names{"page.margin", "page.scale"});
    CHECK(found("all").size() == 4);
    CHECK(find_keys(keys(), "page").named);
    CHECK_FALSE(find_keys(keys(), "scale").named);
}

TEST_CASE("any other word is searched in names, choices and meanings, whatever the case") {
    CHECK(found("MARGIN") == Names{"page.margin", "table.margin"});
    CHECK(found("narrow") == Names{"table.margin"});
    CHECK(found("tab") == Names{"table.margin", "page.margin", "page.scale"});
    CHECK(found("called") == Names{"name"});
    CHECK_THROWS_AS(found("pgae.margin"), UsageError);
    CHECK_THROWS_WITH(found("pgae.margin"),
                      "'pgae.margin' is no key, and no key's name or meaning contains it; the "
                      "nearest are page.margin, table.margin, name");
}

TEST_CASE("one key is explained in full, several that contain a word are listed") {
    CHECK(explain_keys(keys(), "page.scale") ==
          "page.scale\n"
          "  type      number, 0.1 to 10\n"
          "  default   1.5\n"
          "  affects   statistics, solution (part of a run's identity)\n"
          "  read by   comq, gptq\n"
          "  meaning   Factor on everything that is printed, be it a table, a figure, a\n"
          "            page number or a note at its foot.\n");
    CHECK(explain_keys(keys(), "scale") == explain_keys(keys(), "page.scale"));
    CHECK(explain_keys(keys(), "all").starts_with("name\n"));
    CHECK_THAT(explain_keys(keys(), "name"), ContainsSubstring("none, the key is required"));
    CHECK(explain_keys(keys(), "tab") ==
          "3 keys have 'tab' in their name or meaning; --explain KEY tells all of one.\n"
          "  table.margin  Between two columns.\n"
          "  page.margin   White on each side of a Table.\n"
          "  page.scale    Factor on everything that is printed, be it a table, a figure, …\n");
}

TEST_CASE("keys are explained as a Markdown table") {
    CHECK(explain_keys(keys(), "table.margin", ExplainFormat::markdown) ==
          "| key | meaning | type | default | unit |\n"
          "|---|---|---|---|---|\n"
          "| `table.margin` | Between two columns. | none \\| narrow | `none` |  |\n");
}

TEST_CASE("keys are explained as JSON") {
    const auto json =
        nlohmann::ordered_json::parse(explain_keys(keys(), "all", ExplainFormat::json));
    REQUIRE(json.size() == 4);
    CHECK(json[0]["key"] == "name");
    CHECK(json[0]["required"] == true);
    CHECK(json[0]["default"].is_null());
    CHECK(json[0]["unit"].is_null());
    CHECK(json[1]["default"] == 2);
    CHECK(json[1]["unit"] == "mm");
    CHECK(json[1]["affects"] == nlohmann::json{"resource"});
    CHECK_FALSE(json[1].contains("read_by"));
    CHECK(json[2]["affects"] == nlohmann::json{"statistics", "solution"});
    CHECK(json[2]["read_by"] == nlohmann::json{"comq", "gptq"});
    CHECK_FALSE(json[3].contains("affects"));
    CHECK(json[2]["default"] == 1.5);
    CHECK(json[3]["default"] == "none");
}

TEST_CASE("a config is JSON with the types of its values") {
    const auto json = json_of_yaml("a: {b: 3, c: [1.5, x, '7'], d: null}\ne: true\n", "test");
    CHECK(json.dump() == R"({"a":{"b":3,"c":[1.5,"x","7"],"d":null},"e":true})");
    CHECK(json_of_yaml("seed: 18446744073709551615\n", "test")["seed"] == ~uint64_t{0});
    CHECK_THROWS_WITH(json_of_yaml("a: [", "run.h5"), ContainsSubstring("run.h5:1: "));
}
