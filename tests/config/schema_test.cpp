#include "config/schema.hpp"

#include "config/config_folder.hpp"

using namespace comq;

namespace {

// A document that isn't an experiment: the schema serves sweeps and tables too.
struct Column {
    std::string title;
    int width = 8;
};
struct Page {
    int margin = 2;
    double scale = 1.0;
};
struct Table {
    std::string name;
    Page page;
    std::vector<Column> columns;
};

Schema<Table> table_schema() {
    Schema<Column> column;
    column.add({.key = "title", .meaning = "Head of the column.", .required = true}, &Column::title,
               text());
    column.add({.key = "width", .meaning = "Width.", .unit = "characters"}, &Column::width,
               integer<int>(1, 80));
    Schema<Table> table;
    table.add({.key = "name", .meaning = "Name of the table.", .required = true}, &Table::name,
              text());
    table.add(
        {.key = "page.margin", .meaning = "Margin.", .unit = "mm"},
        [](auto& object) -> auto& { return object.page.margin; }, integer<int>(0));
    table.add(
        {.key = "page.scale",
         .meaning = "Factor on everything that is printed, be it a table, a figure, a page "
                    "number or a note at its foot."},
        [](auto& object) -> auto& { return object.page.scale; }, number(0.1, 10.0));
    table.add({.key = "columns", .meaning = "The columns."}, &Table::columns,
              sequence_of(map_of(column), "list of {title, width}"));
    return table;
}

struct Reading {
    Table table;
    GivenKeys given;
    std::vector<std::string> problems;
};

Reading read(const std::string& yaml) {
    const auto schema = table_schema();
    Reading reading;
    ConfigProblems problems;
    const auto root = parse_yaml(yaml, "t.yaml", problems);
    REQUIRE(root.has_value());
    schema.read(*root, reading.table, reading.given, problems);
    schema.require(reading.given, root->position, problems);
    reading.problems = problems.lines();
    return reading;
}

bool everything(const KeyInfo&) { return true; }

}  // namespace

TEST_CASE("a schema reads what is given and leaves the rest at its default") {
    const auto reading =
        read("name: x\npage: {scale: 2}\ncolumns: [{title: a}, {title: b, width: 3}]\n");
    REQUIRE(reading.problems.empty());
    CHECK(reading.table.page.margin == 2);
    CHECK(reading.table.page.scale == 2.0);
    REQUIRE(reading.table.columns.size() == 2);
    CHECK(reading.table.columns[0].width == 8);
    CHECK(reading.table.columns[1].width == 3);
    CHECK(reading.given.size() == 3);
    CHECK(reading.given.at("page.scale").text() == "t.yaml:2");
}

TEST_CASE("a schema reports everything that is wrong at once") {
    const auto reading = read(
        "page: {margn: 1, scale: big}\n"
        "columns: [{width: 99}, 3, {title: a, colour: red}]\n"
        "page.margin: 3\n"
        "page.colour: 3\n");
    const std::vector<std::string> expected = {
        "t.yaml:1: key 'page.margn': unknown key (nearest known: 'page.margin')",
        "t.yaml:1: key 'page.scale': expected number, 0.1 to 10, not 'big'",
        "t.yaml:2: key 'columns[0].width': expected integer, 1 to 80, not '99'",
        "t.yaml:2: key 'columns[0].title': is required: a text",
        "t.yaml:2: key 'columns[1]': expected a map, not '3'",
        "t.yaml:2: key 'columns[2].colour': unknown key (nearest known: 'title')",
        "t.yaml:3: key 'page.margin': write a dotted key as nested YAML, a level a line",
        "t.yaml:4: key 'page.colour': unknown key (nearest known: 'page.scale')",
        "t.yaml:1: key 'name': is required: a text",
    };
    CHECK(reading.problems == expected);
}

TEST_CASE("sections are maps or empty") {
    CHECK(read("name: x\npage:\n").problems.empty());
    CHECK(read("name: x\npage: 3\n").problems ==
          std::vector<std::string>{
              "t.yaml:2: key 'page': is a section: expected keys below it, not '3'"});
}

TEST_CASE("a printed document reads back the same") {
    const auto schema = table_schema();
    auto first = read("name: 'a: b'\ncolumns: [{title: '*x, y', width: 3}, {title: z}]\n").table;
    const std::string text = schema.print(first, everything);
    CHECK(text ==
          "name: \"a: b\"\n"
          "page:\n"
          "  margin: 2\n"
          "  scale: 1\n"
          "columns: [{title: \"*x, y\", width: 3}, {title: z}]\n");
    CHECK(schema.print(read(text).table, everything) == text);
    CHECK(schema.print(
              first, [](const KeyInfo& info) { return info.unit == "mm"; },
              [](const KeyInfo&) { return "why"; }) == "page:\n  margin: 2  # why\n");
}

TEST_CASE("types and defaults of keys come from the declarations") {
    const auto keys = table_schema().keys();
    REQUIRE(keys.size() == 4);
    CHECK(keys[0].required);
    CHECK(keys[1].type == "integer, at least 0");
    CHECK(keys[1].default_text == "2");
    CHECK(keys[2].type == "number, 0.1 to 10");
    CHECK(keys[2].default_text == "1");
}

TEST_CASE("the nearest key may be one whose section is wrong") {
    const auto schema = table_schema();
    CHECK(nearest_key("scale", schema.keys()) == "page.scale");
    CHECK(nearest_key("pgae.margin", schema.keys()) == "page.margin");
    CHECK(nearest_key("", {}).empty());
    CHECK(nearest_keys("pgae.margin", schema.keys(), 2) ==
          std::vector<std::string>{"page.margin", "name"});
}

namespace {

Schema<Page, RunKey> page_schema() {
    Schema<Page, RunKey> page;
    page.add({.key = "margin", .affects = Effect::resource, .meaning = "Margin.", .unit = "mm"},
             &Page::margin, integer<int>(0));
    page.add({.key = "scale", .affects = Effect::solution | Effect::repair, .meaning = "Scale."},
             &Page::scale, number(0.1, 10.0));
    return page;
}

}  // namespace

TEST_CASE("a section that is declared by itself is part of a document") {
    Schema<Table, RunKey> schema;
    schema.add_section("page", &Table::page, page_schema());
    ConfigProblems problems;
    const auto root = parse_yaml("page: {margin: 5, scale: x}\n", "t.yaml", problems);
    Table table;
    GivenKeys given;
    schema.read(*root, table, given, problems);
    CHECK(problems.lines() == std::vector<std::string>{"t.yaml:1: key 'page.scale': expected "
                                                       "number, 0.1 to 10, not 'x'"});
    CHECK(table.page.margin == 5);
    CHECK(schema.print(table, everything) == "page:\n  margin: 5\n  scale: 1\n");
    REQUIRE(schema.keys().size() == 2);
    CHECK(schema.keys()[0].key == "page.margin");
    CHECK(schema.keys()[0].default_text == "2");
    CHECK(schema.keys()[1].affects.names() == std::vector<std::string>{"solution", "repair"});
}

TEST_CASE("a key of a run has to say what it affects") {
    static_assert(!std::is_default_constructible_v<Affects>);
    static_assert(!std::is_default_constructible_v<RunKey>);
    CHECK(Affects(Effect::statistics).numbers());
    CHECK_FALSE(Affects(Effect::resource).numbers());
    CHECK_FALSE((Effect::location | Effect::statistics).numbers());
    CHECK((Effect::location | Effect::statistics).has(Effect::statistics));
    CHECK_FALSE(Affects::none().numbers());
}
