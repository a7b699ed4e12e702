#include "config/composition.hpp"

#include <fmt/format.h>

#include "config/config_folder.hpp"

using namespace comq;
using namespace comq::test;

namespace {

std::vector<std::string> names(const Composition& composition) {
    std::vector<std::string> result;
    for (const auto& file : composition.files) result.push_back(file.filename().string());
    return result;
}

std::vector<std::string> problems_of(const std::filesystem::path& file) {
    ConfigProblems problems;
    compose(file, {}, problems);
    return problems.lines();
}

}  // namespace

TEST_CASE("fragments come before the file, in order, theirs before them") {
    const ConfigFolder folder, shipped;
    folder.write("base/a.yaml", "defaults: [c]\nk: a\n");
    folder.write("base/c.yaml", "k: c\n");
    shipped.write("base/b.yaml", "defaults: [base/d]\nk: b\n");
    shipped.write("base/d.yaml", "k: d\n");
    const auto main = folder.write("main.yaml", "defaults: [base/a, base/b.yaml]\nk: m\n");

    ConfigProblems problems;
    const auto composition = compose(main, {shipped.path()}, problems);
    CHECK(problems.lines() == std::vector<std::string>{});
    CHECK(names(composition) ==
          std::vector<std::string>{"c.yaml", "a.yaml", "d.yaml", "b.yaml", "main.yaml"});
    REQUIRE(composition.documents.size() == 5);
    CHECK(composition.documents[1].find("k")->scalar == "a");
    CHECK(composition.documents[1].find("defaults") == nullptr);
}

TEST_CASE("the file's own folder wins over the shipped one") {
    const ConfigFolder folder, shipped;
    folder.write("a.yaml", "k: own\n");
    shipped.write("a.yaml", "k: shipped\n");
    const auto main = folder.write("main.yaml", "defaults: [a]\n");
    ConfigProblems problems;
    CHECK(compose(main, {shipped.path()}, problems).documents[0].find("k")->scalar == "own");
    // The extension may be left out of the file's own name too.
    CHECK(compose(folder.path() / "main", {}, problems).documents.size() == 2);
    CHECK(problems.empty());
}

TEST_CASE("a fragment may be reached twice but not from itself") {
    const ConfigFolder folder;
    folder.write("common.yaml", "k: 1\n");
    folder.write("a.yaml", "defaults: [common]\n");
    folder.write("b.yaml", "defaults: [common]\n");
    CHECK(problems_of(folder.write("diamond.yaml", "defaults: [a, b]\n")).empty());

    folder.write("x.yaml", "defaults: [sub/../y]\n");
    folder.write("sub/none.yaml", "k: 1\n");
    folder.write("y.yaml", "k: 1\ndefaults: [x]\n");
    const auto cycle = problems_of(folder.path() / "x.yaml");
    REQUIRE(cycle.size() == 1);
    CHECK(cycle[0].find("y.yaml:2: key 'defaults': fragment 'x' includes itself") !=
          std::string::npos);
}

TEST_CASE("fragments that double at every level end") {
    const ConfigFolder folder;
    for (int i = 0; i < 30; ++i) {
        folder.write(fmt::format("f{}.yaml", i), fmt::format("defaults: [f{0}, f{0}]\n", i + 1));
    }
    folder.write("f30.yaml", "k: 1\n");
    const auto problems = problems_of(folder.path() / "f0.yaml");
    REQUIRE_FALSE(problems.empty());
    CHECK(problems[0].find("more than 256 fragments") != std::string::npos);
}

TEST_CASE("missing fragments and wrong lists name the line and the nearest") {
    const ConfigFolder folder;
    folder.write("base/imagenet_eval.yaml", "k: 1\n");
    folder.write("base/comq.yaml", "k: 1\n");
    const auto main = folder.write(
        "main.yaml", "defaults:\n  - base/imagenet_evl\n  - [x]\n  - base/comq\n  - ''\n");
    const auto problems = problems_of(main);
    REQUIRE(problems.size() == 3);
    CHECK(problems[0] == fmt::format("{}:2: key 'defaults': no fragment 'base/imagenet_evl' in {} "
                                     "(nearest known: 'base/imagenet_eval')",
                                     main.string(), folder.path().string()));
    CHECK(problems[1].find("main.yaml:3: key 'defaults': expected the name of a fragment, not a "
                           "list") != std::string::npos);
    CHECK(problems[2].find("main.yaml:5: ") != std::string::npos);

    const auto word = problems_of(folder.write("word.yaml", "defaults: base/comq\n"));
    REQUIRE(word.size() == 1);
    CHECK(word[0].find("expected a list of fragments like [base/comq], not 'base/comq'") !=
          std::string::npos);
}

TEST_CASE("a file is found in the shipped folder too, a missing one has a nearest") {
    const ConfigFolder folder;
    folder.write("vit_b_4bit.yaml", "k: 1\n");
    folder.write("demo.yaml", "k: 2\n");
    ConfigProblems problems;
    CHECK(compose("vit_b_4bit", {folder.path()}, problems).documents.size() == 1);
    CHECK(problems.empty());
    CHECK(problems_of(folder.path() / "vit_b_4bti.yaml")[0].ends_with(fmt::format(
        "no such file (nearest known: '{}')", (folder.path() / "vit_b_4bit.yaml").string())));
}
