#include "config/override.hpp"

#include "experiment_config/config_files.hpp"

using namespace comq;
using namespace comq::test;

namespace {

const std::vector<KeyInfo>& keys() {
    const auto& all = experiment_schema().keys();
    return all;
}

YamlNode parsed(const std::string& text) {
    ConfigProblems problems;
    YamlNode node = parse_override(text, keys(), problems);
    CHECK(problems.lines() == std::vector<std::string>{});
    while (node.kind == YamlNode::Kind::map && !node.entries.empty()) {
        YamlNode value = std::move(node.entries.front().value);
        node = std::move(value);
    }
    return node;
}

std::string problem_of(const std::string& text) {
    ConfigProblems problems;
    parse_override(text, keys(), problems);
    REQUIRE(problems.lines().size() == 1);
    return problems.lines()[0];
}

}  // namespace

TEST_CASE("overrides are YAML behind a dotted key") {
    ConfigProblems problems;
    const YamlNode document = parse_override("a.b.c=[1, {x: y}]", {}, problems);
    REQUIRE(problems.empty());
    const YamlNode* value = document.find("a")->find("b")->find("c");
    REQUIRE(value->kind == YamlNode::Kind::list);
    CHECK(value->items[1].find("x")->scalar == "y");
    CHECK(value->position.text() == "command line: a.b.c=[1, {x: y}]");
    CHECK(parse_override("a=", {}, problems).find("a")->kind == YamlNode::Kind::null);
    CHECK(parse_override("a=b=c", {}, problems).find("a")->scalar == "b=c");
    CHECK(parsed("quantization.bits= 3 # bits").scalar == "3");
    CHECK(parsed("quantization.layers=[{match: head}]").kind == YamlNode::Kind::list);
    CHECK(problems.empty());
}

TEST_CASE("a path, a name or another text is what the shell gave") {
    for (const char* key : {"output.file", "data.root", "device", "model.name", "data.layout"}) {
        for (const char* value :
             {"#x", "%x", "~",    "run #2.h5", "disk #2/x", "*a", "&a",   "!a",
              "[a", "{a", "a: b", "- a",       " a ",       "'a", "a'b'", "'a' 'b'",
              "@a", "`a", "a\tb", "a, b",      "true",      "3",  "\xff"}) {
            CAPTURE(key, value);
            const YamlNode node = parsed(std::string(key) + "=" + value);
            CHECK(node.kind == YamlNode::Kind::scalar);
            CHECK(node.scalar == value);
        }
        for (const char* value : {"", "null"}) {
            CHECK(parsed(std::string(key) + "=" + value).kind == YamlNode::Kind::null);
        }
    }
    CHECK(parsed("data.root='a ''b'''").scalar == "a 'b'");
    CHECK(parsed("data.root=\"a\\tb\"").scalar == "a\tb");
    CHECK(parsed("data.root='null'").scalar == "null");
}

TEST_CASE("paths of the command line are not read as YAML") {
    const Environment home("HOME", "/home/x");
    const auto path = [](const std::string& value) {
        return load(complete_config, {"data.root=" + value}).config.data.root;
    };
    const auto here = std::filesystem::current_path();
    CHECK(path("#x") == here / "#x");
    CHECK(path("%x") == here / "%x");
    CHECK(path("disk #2/imagenet") == here / "disk #2/imagenet");
    CHECK(path("~") == "/home/x");
    CHECK(path("~/x") == "/home/x/x");
    CHECK(path("~x") == here / "~x");
    CHECK(path("null").empty());
    CHECK(load(complete_config, {"output.file=run #2.h5"}).config.output.file ==
          here / "run #2.h5");
}

TEST_CASE("overrides of another form are refused") {
    for (const char* text : {"a", "", "=", "=3", ".a=3", "a.=3", "a..b=3", "a=[", "a='x", "a=*b",
                             "defaults=[x]", "a={b: 1, b: 2}", "a=\tb: c"}) {
        INFO(text);
        CHECK(problem_of(text).find("command line: " + excerpt(text)) == 0);
    }
}

TEST_CASE("a key in the form of an option gets a hint") {
    CHECK(problem_of("+seed=1") == "command line: +seed=1: keys are given without '+': seed=1");
    CHECK(problem_of("--bits=3") ==
          "command line: --bits=3: keys are given without dashes: quantization.bits=3");
    CHECK(key_form_hint("-quantization.bits", "", keys()) ==
          "keys are given without dashes: quantization.bits=VALUE");
    CHECK(key_form_hint("--quantization.bit", "3", keys()) ==
          "keys are given without dashes: quantization.bits=3");
}

TEST_CASE("several values of one key point to sweeps") {
    CHECK(several_values("quantization.bits=3,4", keys()) == "[3,4]");
    CHECK(several_values("quantization.order=[cyclic, greedy]", keys()) == "[cyclic, greedy]");
    for (const char* text : {"quantization.bits=3", "data.root=a,b", "quantization.layers=[a, b]",
                             "quantization={bits: 3, order: cyclic}", "bits=3,4", "a"}) {
        CAPTURE(text);
        CHECK_FALSE(several_values(text, keys()).has_value());
    }
    CHECK(error_of(complete_config, {"quantization.bits=3,4", "seed=[0, 1]"}) ==
          "command line: quantization.bits=3,4: key 'quantization.bits': one run takes one value; "
          "run_sweep varies keys: echo '{config: test.yaml, grid: {quantization.bits: [3,4]}}' > "
          "sweep.yaml && run_sweep sweep.yaml (experiments/README.md)\n"
          "command line: seed=[0, 1]: key 'seed': one run takes one value; run_sweep varies keys: "
          "echo '{config: test.yaml, grid: {seed: [0, 1]}}' > sweep.yaml && run_sweep sweep.yaml "
          "(experiments/README.md)");
    CHECK_THAT(error_of(complete_config, {"seed=1,\n2"}), ContainsSubstring("seed: [1,\\n2]"));
}
