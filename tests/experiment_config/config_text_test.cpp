#include "experiment_config/config_text.hpp"
#include "experiment_config/method_reads.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "config/explain.hpp"
#include "experiment_config/config_files.hpp"

using namespace comq;
using namespace comq::test;

namespace {

const std::string rich_config =
    "model: {name: 'odd: name', weights: 'a$$b, c.pth', sha256: null}\n"
    "data: {root: /r, calibration: c, evaluation: e, layout: cifar10}\n"
    "quantization:\n"
    "  layers: [{match: '*.fc1', bits: 3}, {match: 'x, [y]', quantize: false}]\n"
    "  scalar: 0.1\n"
    "evaluation: {images: 10, expected_top1: 72.13}\n"
    "resources: {threads: 3, memory: 3GiB}\n"
    "seed: 9223372036854775807\n";

}  // namespace

TEST_CASE("the resolved text holds every key that is read and loads to the same config") {
    const auto& schema = experiment_schema();
    for (const auto& text : {complete_config, rich_config}) {
        const std::string resolved = resolved_text(load(text).config);
        CHECK(resolved_text(load(resolved).config) == resolved);
        CHECK(resolved_values(load(text).config) == config_values(resolved, "the resolved text"));
        const auto again = load(resolved);
        for (const auto& info : schema.keys()) {
            INFO(info.key);
            CHECK((again.given.count(info.key) == 1) == is_read(info.key, again.config));
        }
    }
    const auto config = load(resolved_text(load(rich_config).config)).config;
    CHECK(config.model.weights == std::filesystem::current_path() / "a$b, c.pth");
    CHECK(config.quantization.layers[1].match == "x, [y]");
    CHECK(config.resources.memory_bytes == int64_t{3} << 30);
    CHECK(config.seed == uint64_t{9223372036854775807});
}

TEST_CASE("the annotated text says who set each key") {
    const std::string text = annotated_text(load(complete_config, {"quantization.bits=3"}));
    CHECK(text.find("  name: demo_vit  # test.yaml:1\n") != std::string::npos);
    CHECK(text.find("  bits: 3  # command line: quantization.bits=3\n") != std::string::npos);
    CHECK(text.find("  sweeps: 4  # preset paper\n") != std::string::npos);
    CHECK(text.find("seed: 0  # default\n") == 0);
    CHECK(resolved_text(load(text).config) ==
          resolved_text(load(complete_config, {"quantization.bits=3"}).config));
}

TEST_CASE("the identity changes with numbers, not with places and resources") {
    const std::string identity = identity_text(load(rich_config).config);
    const auto with = [](const std::string& override_text) {
        return identity_text(load(rich_config, {override_text}).config);
    };
    for (const char* same :
         {"model.weights=/other", "data.root=/other", "data.max_bad_images=3",
          "resources.threads=1", "resources.cache=/c", "evaluation.expected_top1=null",
          "evaluation.allow_chance=true", "output.file=/o.h5", "quantization.sweeps=4"}) {
        INFO(same);
        CHECK(with(same) == identity);
    }
    for (const char* other :
         {"device=cuda", "seed=1", "model.name=y", "data.layout=cifar100", "calibration.images=3",
          "calibration.batch_size=4", "quantization.bits=3", "quantization.layers=[]",
          "quantization.preset=authors_code", "evaluation.images=all"}) {
        INFO(other);
        CHECK(with(other) != identity);
    }
    CHECK(identity.find("/") == std::string::npos);
}

TEST_CASE("the identity names no key with its default, so that later keys do not change it") {
    CHECK(identity_text(load(complete_config, {"seed=0", "calibration.propagation=null"}).config) ==
          identity_text(load(complete_config).config));
    CHECK_THAT(identity_text(load(complete_config).config),
               ContainsSubstring("name: demo_vit") && !ContainsSubstring("seed"));
    CHECK_THAT(identity_text(load(complete_config, {"seed=3"}).config),
               ContainsSubstring("seed: 3"));
}

TEST_CASE("a default that became another changes no identity of results that lie about") {
    const auto identity = [](const std::string& criterion) {
        return identity_text(load(complete_config, {"calibration.holdout=8",
                                                    "quantization.average_bits=3", criterion})
                                 .config);
    };
    CHECK_THAT(identity("quantization.bits_criterion=layer_error"),
               !ContainsSubstring("bits_criterion"));
    CHECK_THAT(identity("seed=0"), ContainsSubstring("bits_criterion: predictions"));
}

TEST_CASE("what chooses bits is read where bits are chosen") {
    CHECK_FALSE(
        resolved_values(load(complete_config).config).contains("quantization.bits_criterion"));
    CHECK(load(complete_config, {"quantization.average_bits=3", "calibration.holdout=8"})
              .config.quantization.bits_criterion == BitsCriterion::predictions);
}

TEST_CASE("keys that differ between two texts are named") {
    const std::string output = "output.file=/o.h5";
    const std::string a = resolved_text(load(rich_config, {output}).config);
    const std::string b = resolved_text(
        load(rich_config, {output, "quantization.bits=3", "seed=1", "quantization.layers=[]"})
            .config);
    CHECK(differing_keys(a, a).empty());
    CHECK(differing_keys(a, b) ==
          std::vector<std::string>{"quantization.bits", "quantization.layers", "seed"});
    // A text of another version has other keys.
    CHECK(differing_keys("a: {b: 1}\nc: [1]\n", "a: {b: 1, d: ~}\nc: [2]\n") ==
          std::vector<std::string>{"a.d", "c"});
    CHECK_THROWS_WITH(differing_keys("a: [", ""), ContainsSubstring("first config:1: "));
}

TEST_CASE("keys off their default are those that neither defaults nor the preset give") {
    const std::string resolved =
        resolved_text(load(complete_config, {"quantization.bits=3"}).config);
    const auto keys = keys_off_default(resolved, "run.h5");
    const auto has = [&](const char* key) { return std::ranges::count(keys, key) == 1; };
    CHECK(std::ranges::is_sorted(keys));
    CHECK(has("quantization.bits"));
    CHECK(has("model.name"));
    CHECK_FALSE(has("seed"));
    CHECK_FALSE(has("quantization.sweeps"));
    const auto authors = keys_off_default(
        resolved_text(load(complete_config, {"quantization.preset=authors_code"}).config),
        "run.h5");
    CHECK(std::ranges::count(authors, "quantization.preset") == 1);
    CHECK(std::ranges::count(authors, "quantization.sweeps") == 0);
    CHECK(keys_off_default("seed: 0\nfuture: {key: 3}\n", "run.h5") ==
          std::vector<std::string>{"future.key"});
    CHECK_THROWS_WITH(keys_off_default("a: [", "run.h5"), ContainsSubstring("run.h5:1: "));
}

TEST_CASE("every key is explained with its choices, default and preset values") {
    const auto& schema = experiment_schema();
    const auto explained = [&](const char* name) { return explain_keys(schema.keys(), name); };
    const std::string all = explained("all");
    for (const auto& info : schema.keys()) {
        INFO(info.key);
        CHECK(all.find(info.key + "\n") != std::string::npos);
        CHECK(info.meaning.ends_with('.'));
        CHECK_FALSE(info.type.empty());
    }
    const std::string sweeps =  // wherever its lines are broken
        std::regex_replace(explained("quantization.sweeps"), std::regex("\\s+"), " ");
    CHECK(sweeps.find("integer, 1 to 1000") != std::string::npos);
    CHECK(sweeps.find("Set to 1 with preset authors_code, 4 with preset paper.") !=
          std::string::npos);
    const auto& known = experiment_schema({{}, {"comq", "rtn"}}).keys();
    CHECK(explain_keys(known, "quantization.method").find("comq | rtn") != std::string::npos);
    CHECK_THROWS_WITH(
        explained("quantisation.bits"),
        ContainsSubstring("'quantisation.bits' is no key, and no key's name or meaning "
                          "contains it; the nearest are quantization.bits, "));
}

TEST_CASE("a resolved config is JSON with the types of its values") {
    const auto resolved = resolved_json(ExperimentConfig{});
    CHECK(resolved["quantization"]["bits"] == 4);
    CHECK(resolved["evaluation"]["images"] == "all");
    CHECK(resolved["evaluation"]["allow_chance"] == false);
}
