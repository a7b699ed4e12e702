#include "experiment_config/config_paths.hpp"

#include "config/expand_path.hpp"

#include "experiment_config/config_files.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

fs::path expand(const std::string& path) {
    ConfigProblems problems;
    const auto expanded = expand_path(path, "k", YamlPosition("f", 1, 1), problems);
    problems.throw_if_any();
    return expanded;
}

const std::string folder_config =
    "model: {name: x, weights: w.safetensors}\n"
    "data: {root: images, calibration: train, evaluation: val, synsets: /s.txt}\n"
    "resources: {cache: c}\n"
    "output: {file: out/run.h5}\n";

std::string missing(const LoadedConfig& loaded) {
    try {
        check_paths(loaded);
    } catch (const UsageError& error) {
        return error.what();
    }
    return "nothing";
}

}  // namespace

TEST_CASE("variables and the home folder are expanded") {
    const Environment set("COMQ_TEST_A", "/a"), empty("COMQ_TEST_EMPTY", "");
    const Environment unset("COMQ_TEST_NONE", nullptr), home("HOME", "/home/x");
    CHECK(expand("${COMQ_TEST_A}/b") == "/a/b");
    CHECK(expand("${COMQ_TEST_A:-/d}${COMQ_TEST_A}") == "/a/a");
    CHECK(expand("${COMQ_TEST_NONE:-/d}/b") == "/d/b");
    CHECK(expand("${COMQ_TEST_EMPTY:-/d}") == "/d");
    CHECK(expand("${COMQ_TEST_NONE:-~}/b") == "/home/x/b");
    CHECK(expand("x${COMQ_TEST_NONE:-}y") == "xy");
    CHECK(expand("~") == "/home/x");
    CHECK(expand("~/b") == "/home/x/b");
    CHECK(expand("a~b/~") == "a~b/~");
    CHECK(expand("$$a$b$") == "$a$b$");
    CHECK(expand("$${COMQ_TEST_A}") == "${COMQ_TEST_A}");
}

TEST_CASE("what can't be expanded is named") {
    const Environment unset("COMQ_TEST_NONE", nullptr), home("HOME", nullptr);
    CHECK_THROWS_WITH(expand("${COMQ_TEST_NONE}/x"),
                      "f:1: key 'k': the environment variable COMQ_TEST_NONE is not set; set it, "
                      "or override k=PATH");
    CHECK_THROWS_WITH(expand("${COMQ"), ContainsSubstring("lacks the '}'"));
    CHECK_THROWS_WITH(expand("${}"), ContainsSubstring("names no environment variable"));
    CHECK_THROWS_WITH(expand("${a b}"), ContainsSubstring("names no environment variable"));
    CHECK_THROWS_WITH(expand("~/x"), ContainsSubstring("HOME"));
}

TEST_CASE("only the value that counts is expanded") {
    const Environment unset("COMQ_TEST_NONE", nullptr);
    const std::string text = complete_config + "resources: {cache: '${COMQ_TEST_NONE}'}\n";
    CHECK(error_of(text) ==
          "test.yaml:3: key 'resources.cache': the environment variable COMQ_TEST_NONE is not set; "
          "set it, or override resources.cache=PATH");
    CHECK(load(text, {"resources.cache=/c"}).config.resources.cache == "/c");
}

TEST_CASE("paths of data start at data.root, the others at the working directory") {
    const fs::path here = fs::current_path();
    const auto config = load(folder_config).config;
    CHECK(config.data.root == here / "images");
    CHECK(config.data.calibration == here / "images/train");
    CHECK(config.data.evaluation == here / "images/val");
    CHECK(config.data.synsets == "/s.txt");
    CHECK(config.model.weights == here / "w.safetensors");
    CHECK(config.resources.cache == here / "c");
    CHECK(config.output.file == here / "out/run.h5");

    const auto moved = load(folder_config, {"data.root=/d/../e/", "data.evaluation=../val"}).config;
    CHECK(moved.data.root == "/e");
    CHECK(moved.data.evaluation == "/val");
    CHECK(load(folder_config, {"data.root=null"}).config.data.calibration == here / "train");
    CHECK(load(complete_config).config.data.root.empty());
}

TEST_CASE("every missing path is reported with its line and remedy") {
    const std::string message = missing(load(folder_config, {"data.root=/nowhere"}));
    CHECK(message.find("test.yaml:1: key 'model.weights': there is no " +
                       (fs::current_path() / "w.safetensors").string() +
                       "; scripts/fetch_weights.sh x downloads") == 0);
    CHECK(message.find("\ncommand line: data.root=/nowhere: key 'data.root': there is no "
                       "/nowhere; data.root=FOLDER") != std::string::npos);
    CHECK(message.find("data.evaluation") == std::string::npos);
    CHECK(message.find("key 'data.synsets': there is no /s.txt") != std::string::npos);
    CHECK(message.find("scripts/run_demo.sh") != std::string::npos);
}

TEST_CASE("a folder that is there is searched for its parts") {
    const ConfigFolder folder;
    folder.write("images/val/a/1.JPEG", "");
    const auto weights = folder.write("w.safetensors", "");
    const auto loaded = [&](std::vector<std::string> overrides) {
        overrides.push_back("data.root=" + (folder.path() / "images").string());
        overrides.push_back("data.synsets=null");
        overrides.push_back("model.weights=" + weights.string());
        return load(folder_config, overrides);
    };
    const std::string message = missing(loaded({}));
    CHECK(message.find("test.yaml:2: key 'data.calibration': there is no " +
                       (folder.path() / "images/train").string()) == 0);
    CHECK(message.find("data.evaluation'") == std::string::npos);
    CHECK(missing(loaded({"quantization.method=none"})) == "nothing");
    CHECK(missing(loaded({"data.calibration=val"})) == "nothing");
    CHECK(missing(load(complete_config)) == "nothing");
}
