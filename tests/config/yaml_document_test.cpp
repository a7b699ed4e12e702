#include "config/yaml_document.hpp"

#include "config/config_folder.hpp"
#include "config/problems.hpp"

using namespace comq;
using namespace comq::test;

namespace {

std::string problem_of(const std::string& text) {
    ConfigProblems problems;
    parse_yaml(text, "a.yaml", problems);
    REQUIRE(problems.lines().size() == 1);
    CHECK(problems.lines()[0].find('\n') == std::string::npos);
    return problems.lines()[0];
}

std::string file_problem(const std::filesystem::path& file) {
    ConfigProblems problems;
    CHECK_FALSE(read_yaml_file(file, problems).has_value());
    REQUIRE(problems.lines().size() == 1);
    return problems.lines()[0];
}

}  // namespace

TEST_CASE("a tree keeps kinds, order, quotes and positions") {
    ConfigProblems problems;
    const auto root = parse_yaml("b: 1\na:\n  - 'x'\n  - {k: ~}\n", "a.yaml", problems);
    REQUIRE(problems.empty());
    REQUIRE(root->kind == YamlNode::Kind::map);
    REQUIRE(root->entries.size() == 2);
    CHECK(root->entries[0].key == "b");
    CHECK(root->entries[0].position.text() == "a.yaml:1");
    CHECK(root->find("b")->scalar == "1");
    CHECK_FALSE(root->find("b")->quoted);
    CHECK(root->find("b")->position.column == 4);
    const YamlNode* list = root->find("a");
    REQUIRE(list->kind == YamlNode::Kind::list);
    CHECK(list->items[0].quoted);
    CHECK(list->items[0].position.text() == "a.yaml:3");
    CHECK(list->items[1].find("k")->kind == YamlNode::Kind::null);
    CHECK(list->items[1].position.line == 4);
    CHECK(root->find("c") == nullptr);
}

TEST_CASE("an empty document is a null node") {
    ConfigProblems problems;
    for (const char* text : {"", "\n\n", "# only a comment\n", "---\n"}) {
        const auto root = parse_yaml(text, "a.yaml", problems);
        REQUIRE(root.has_value());
        CHECK(root->kind == YamlNode::Kind::null);
    }
    CHECK(problems.empty());
}

TEST_CASE("every repeated key is reported with its path") {
    ConfigProblems problems;
    const auto root =
        parse_yaml("a:\n  b: 1\n  c: 2\n  b: 3\na: {}\nd: {x: 1, x: 2}\n", "a.yaml", problems);
    CHECK(root.has_value());
    REQUIRE(problems.lines().size() == 3);
    CHECK(problems.lines()[0] == "a.yaml:4: key 'a.b': is given twice, first at line 2");
    CHECK(problems.lines()[1] == "a.yaml:5: key 'a': is given twice, first at line 1");
    CHECK(problems.lines()[2] == "a.yaml:6: key 'd.x': is given twice, first at line 6");
}

TEST_CASE("what a config doesn't need is refused in words") {
    CHECK(problem_of("a: &x 1\n") ==
          "a.yaml:1: anchors (&name) are not supported; write the value out, or share it between "
          "files by 'defaults:'");
    CHECK(problem_of("a: &x [1]\nb: *x\n").find("a.yaml:1: anchors") == 0);
    CHECK(problem_of("a: !!str 1\n").find("a.yaml:1: tags (!name)") == 0);
    CHECK(problem_of("a: !mine {b: 1}\n").find("a.yaml:1: tags (!name)") == 0);
    CHECK(problem_of("? [a, b]\n: 1\n").find("a.yaml:1: a key must be a plain text") == 0);
    CHECK(problem_of(": 1\n").find("a.yaml:1: a key is missing") == 0);
    CHECK(problem_of("a: 1\n---\nb: 1\n").find("a second document") != std::string::npos);
}

TEST_CASE("syntax errors name file and line") {
    CHECK(problem_of("a: 1\n b: 2\n").find("a.yaml:2: ") == 0);
    CHECK(problem_of("a: {b: 1\n").find("is not closed") != std::string::npos);
    CHECK(problem_of("a: [1, 2\n").find("is not closed") != std::string::npos);
    CHECK(problem_of("a: 'x\nb: 1\n") == "a.yaml:2: a quote is opened but not closed");
    CHECK(problem_of("a: \"x") == "a.yaml:1: a quote is opened but not closed");
    CHECK(problem_of("a: b: c\n").find("a.yaml:1: ") == 0);
    CHECK(problem_of("a:\n\tb: 1\n") ==
          "a.yaml:2: wrong indentation: a tab begins the line; YAML wants spaces");
    CHECK(problem_of(std::string(5000, '[') + std::string(5000, ']')) ==
          "a.yaml:1: lists and maps are nested too deeply");
}

TEST_CASE("bytes that are no text are one line") {
    CHECK(problem_of(std::string("a: 1\nb\0c", 8)) ==
          "a.yaml:2: byte 0x00 is no text; is this a YAML file?");
    CHECK(problem_of("a: \xff\xfe\n") == "a.yaml:1: the text is not valid UTF-8");
    CHECK(problem_of("a: \"x\\0y\"\n").find("a.yaml:1: ") == 0);
}

TEST_CASE("files that are no configs are one line") {
    const ConfigFolder folder;
    CHECK(file_problem(folder.path() / "none.yaml") ==
          (folder.path() / "none.yaml").string() + ": no such file");
    CHECK(file_problem(folder.path()).find("is a folder") != std::string::npos);
    CHECK(file_problem(folder.write("empty.yaml", "")).find("is empty") != std::string::npos);
    CHECK(file_problem(folder.write("list.yaml", "\n- a\n"))
              .find("list.yaml:2: expected 'key: "
                    "value' lines, not a list") != std::string::npos);
    CHECK(file_problem(folder.write("word.yaml", "word")).find("not 'word'") != std::string::npos);
    CHECK(file_problem(folder.write("big.yaml", std::string(2 << 20, '#')))
              .find("larger than 1 MiB") != std::string::npos);
}

TEST_CASE("an excerpt is one short line of whole characters") {
    CHECK(excerpt("a\nb\x01") == "a\\nb\\x01");
    CHECK(excerpt(std::string(100, 'x')) == std::string(60, 'x') + "...");
    const std::string cut = excerpt(std::string(59, 'x') + "é and more");
    CHECK(cut == std::string(59, 'x') + "...");
}
