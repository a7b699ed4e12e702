#include "config/indentation.hpp"

#include "config/problems.hpp"
#include "experiment_config/config_files.hpp"

using namespace comq;
using namespace comq::test;

namespace {

std::string problem_of(const std::string& text) {
    ConfigProblems problems;
    parse_yaml(text, "a.yaml", problems);
    REQUIRE(problems.lines().size() == 1);
    return problems.lines()[0];
}

}  // namespace

TEST_CASE("wrong indentation is called that, with the line and where it could begin") {
    CHECK(problem_of("a: 1\n b: 2\n") ==
          "a.yaml:2: wrong indentation: the line begins in column 2, the ones before it in 1");
    CHECK(problem_of("m:\n  n: x\n w: y\n") ==
          "a.yaml:3: wrong indentation: the line begins in column 2, the ones before it in 1 or 3");
    CHECK(problem_of("m:\n  n: x\n   w: y\n").find("a.yaml:3: wrong indentation: ") == 0);
    CHECK(problem_of("m:\n      n:\n          o: 1\n        p: 2\n") ==
          "a.yaml:4: wrong indentation: the line begins in column 9, the ones before it in 1 or 7 "
          "or 11");
    for (const char* value : {"\"x\"", "[1]", "{x: 1}"}) {
        CHECK(problem_of(fmt::format("a: {}\n b: 2\n", value)).find("a.yaml:2: wrong indent") == 0);
    }
    CHECK(problem_of("a:\n\tb: 1\n") ==
          "a.yaml:2: wrong indentation: a tab begins the line; YAML wants spaces");
}

TEST_CASE("wrong indentation in lists is called that") {
    CHECK(problem_of("a:\n  - x\n - y\n").find("a.yaml:3: wrong indentation: ") == 0);
    CHECK(problem_of("a:\n  - m: q\n   b: 3\n") ==
          "a.yaml:3: wrong indentation: the line begins in column 4, the ones before it in 1 or 3 "
          "or 5");
    CHECK(problem_of("a:\n  - m: q\n     b: 3\n").find("a.yaml:3: wrong indentation: ") == 0);
    CHECK(problem_of("a:\n  - m: q\n b: 3\n").find("a.yaml:3: wrong indentation: ") == 0);
}

TEST_CASE("a first line that is indented too is called that") {
    CHECK(problem_of("  a: 1\nb: 2\n") ==
          "a.yaml:2: wrong indentation: the line begins in column 1, the ones before it in 3");
}

TEST_CASE("other mistakes are not called wrong indentation") {
    for (const char* text : {"a: b: c\n", "x:\n    a: b: c\n", "a: 1\n- b\n", "a: {b: 1\n",
                             "a: 1\n---\nb: 1\n", "a: [1, 2\n"}) {
        CAPTURE(text);
        CHECK(problem_of(text).find("indentation") == std::string::npos);
    }
    CHECK(indentation_problem("# comment\n\na:\n  b: 1\n", 4).empty());
    CHECK(indentation_problem("a: 1\n", 1).empty());
    CHECK(indentation_problem("", 3).empty());
}

TEST_CASE("keys that indentation puts into the wrong section are told so") {
    CHECK(error_of(complete_config + "quantization:\nbits: 3\n") ==
          "test.yaml:4: key 'bits': wrong indentation: 'bits' is indented below 'quantization'");
    CHECK(error_of(complete_config +
                   "quantization:\n  bits: 3\n  calibration:\n    images: 2\n  seed: 1\n") ==
          "test.yaml:5: key 'quantization.calibration': wrong indentation: 'calibration' stands at "
          "the beginning of a line\n"
          "test.yaml:7: key 'quantization.seed': wrong indentation: 'seed' stands at the beginning "
          "of a line");
}
