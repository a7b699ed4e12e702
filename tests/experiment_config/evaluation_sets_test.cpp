#include "experiment_config/config_files.hpp"
#include "experiment_config/config_paths.hpp"
#include "experiment_config/config_text.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

const std::string folders =
    "model: {name: x, weights: w.safetensors}\n"
    "data: {root: /imagenet, calibration: train, evaluation: val, synsets: imagenet}\n"
    "evaluation:\n"
    "  images: 50\n"
    "  sets:\n";

std::string with_sets(const std::string& sets) {
    return "model: {name: demo_vit}\ndata: {layout: demo}\nevaluation:\n  sets:\n" + sets;
}

}  // namespace

TEST_CASE("a set has its own data and takes over nothing but the root") {
    const auto config = load(folders +
                             "    - {name: v2, data: {root: /v2, classes: present}, images: 7}\n"
                             "    - name: real\n"
                             "      data: {evaluation: val, labels: real.json}\n"
                             "    - {name: drawn, data: {layout: demo}}\n")
                            .config;
    const auto& sets = config.evaluation.sets;
    REQUIRE(sets.size() == 3);
    CHECK(sets[0].name == "v2");
    CHECK(sets[0].data.root == "/v2");
    CHECK(sets[0].data.evaluation.empty());
    CHECK(sets[0].data.synsets.empty());
    CHECK(sets[0].data.classes == "present");
    CHECK(sets[0].images == 7);
    CHECK(sets[1].data.root == "/imagenet");
    CHECK(sets[1].data.evaluation == "/imagenet/val");
    CHECK(sets[1].data.labels == "/imagenet/real.json");
    CHECK_FALSE(sets[1].images);
    CHECK(sets[2].data.embedded());
    CHECK(config.data.labels.empty());
}

TEST_CASE("the resolved text of sets reads back the same") {
    const Environment set("COMQ_TEST_A", "/a$b");
    const auto config = load(folders +
                             "    - {name: v2, data: {root: '${COMQ_TEST_A}', evaluation: 'a b'}}\n"
                             "    - {name: drawn, data: {layout: demo}, images: 3}\n")
                            .config;
    const std::string text = resolved_text(config);
    CHECK_THAT(text, ContainsSubstring("  sets: [{name: v2, data: {root: /a$$b, evaluation: "
                                       "/a$$b/a b}}, {name: drawn, data: {layout: demo}, images: "
                                       "3}]\n"));
    const auto again = load(text).config;
    CHECK(resolved_text(again) == text);
    CHECK(again.evaluation.sets[0].data.evaluation == "/a$b/a b");
}

TEST_CASE("sets are known by what lies there, not by their paths") {
    const std::string none = "model: {name: demo_vit}\ndata: {layout: demo}\n";
    CHECK(identity_text(load(with_sets("    - {name: v2, data: {root: /v2}}\n")).config) ==
          identity_text(load(none).config));
    CHECK_THAT(load(none, {"evaluation.sets=[{name: a, data: {layout: demo}}]"})
                   .config.output.file.filename()
                   .string(),
               ContainsSubstring("test-sets-"));
}

TEST_CASE("sets are overridden as a whole") {
    const auto file = with_sets("    - {name: v2, data: {root: /v2}}\n");
    const auto config =
        load(file, {"evaluation.sets=[{name: other, data: {root: /w}, images: 2}]"}).config;
    REQUIRE(config.evaluation.sets.size() == 1);
    CHECK(config.evaluation.sets[0].name == "other");
    CHECK(load(file, {"evaluation.sets=[]"}).config.evaluation.sets.empty());
}

TEST_CASE("what is wrong with a set is said with its line") {
    const auto problem = [](const std::string& sets) { return error_of(with_sets(sets)); };
    CHECK_THAT(problem("    - {name: v2, data: {root: /v2}}\n    - {name: v2, data: {root: /w}}\n"),
               ContainsSubstring("test.yaml:6: key 'evaluation.sets[1].name': 'v2' is the name of "
                                 "an earlier set; choose another one"));
    CHECK_THAT(problem("    - {name: main, data: {root: /v2}}\n"),
               ContainsSubstring("test.yaml:5: key 'evaluation.sets[0].name': 'main' is the set of "
                                 "data.evaluation; choose another name"));
    CHECK_THAT(problem("    - {name: a@b, data: {root: /v2}}\n"),
               ContainsSubstring("expected a name of letters, digits"));
    CHECK_THAT(problem("    - {data: {root: /v2}}\n"),
               ContainsSubstring("key 'evaluation.sets[0].name': is required"));
    CHECK_THAT(problem("    - {name: v2, data: {labels: real.json}}\n"),
               ContainsSubstring("key 'evaluation.sets[0]': names no images: give "
                                 "data.evaluation, or the folder as data.root"));
    CHECK_THAT(problem("    - name: v2\n      data: {roots: /v2}\n"),
               ContainsSubstring("test.yaml:6: key 'evaluation.sets[0].data.roots': unknown key "
                                 "(nearest known: 'data.root')"));
    CHECK_THAT(problem("    - {name: v2, data: {root: /v2, calibration: train}}\n"),
               ContainsSubstring("'evaluation.sets[0].data.calibration': unknown key"));
    CHECK_THAT(
        problem("    - {name: v2, data: {layout: list, root: /v2, synsets: s.txt, classes: "
                "present}}\n    - {name: c, data: {layout: cifar10, root: /c, labels: l}}\n"),
        ContainsSubstring("test.yaml:6: key 'evaluation.sets[1].data.labels': the layout "
                          "cifar10 does not read it"));
    CHECK_THAT(problem("    - {name: v2, data: {root: /v2}, images: 0}\n"),
               ContainsSubstring("'evaluation.sets[0].images': expected all or an integer"));
    CHECK_THAT(error_of("model: {name: demo_vit}\ndata: {layout: demo}\n",
                        {"evaluation.sets=[{name: v2, data: {rot: /v2}}]"}),
               ContainsSubstring("command line: evaluation.sets=[{name: v2, data: {rot: /v2}}]: "
                                 "key 'evaluation.sets[0].data.rot': unknown key"));
}

TEST_CASE("the paths of sets have to be there") {
    const ConfigFolder folder;
    const auto loaded = load(with_sets("    - {name: here, data: {root: " + folder.path().string() +
                                       "}}\n    - {name: v2, data: {root: /no/such, evaluation: "
                                       "val}}\n"));
    CHECK_THROWS_WITH(check_paths(loaded),
                      ContainsSubstring("test.yaml:5: key 'evaluation.sets[1].data.root': there is "
                                        "no /no/such; correct it, or take out the set v2"));
}
