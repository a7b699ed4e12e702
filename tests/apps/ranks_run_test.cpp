#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../networks/exported_programs.hpp"
#include "core/child_process.hpp"
#include "core/simd.hpp"
#include "data/dataset_files.hpp"
#include "results/run_file.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/mpirun.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** run_experiment on a demo network, alone or as several ranks. */
struct RanksRun {
    fs::path folder = test::temporary_folder();
    fs::path result = folder / "run.h5";
    fs::path log = folder / "log";

    std::vector<std::string> command(const std::string& config,
                                     const std::vector<std::string>& more) const {
        std::vector<std::string> words{std::string(COMQ_PROGRAMS) + "/run_experiment",
                                       (test::source_dir() / "configs" / config).string(),
                                       "calibration.images=100",
                                       "evaluation.images=300",
                                       "resources.cache=" + (folder / "cache").string(),
                                       "resources.threads=1",
                                       "--output=" + result.string()};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
    int run(int ranks, const std::string& config, const std::vector<std::string>& more = {}) const {
        auto words = command(config, more);
        if (ranks > 1) words = test::as_ranks(ranks, std::move(words));
        return ChildProcess(words, log).wait();
    }
    /** Two ranks, the second with more arguments, or with variables of mpirun's -x. */
    int run_unlike(const std::vector<std::string>& variables,
                   const std::vector<std::string>& arguments,
                   const std::vector<std::string>& shared = {}) const {
        auto words = test::as_ranks(1, command("demo_cnn_4bit.yaml", shared));
        words.insert(words.end(), {":", "-n", "1"});
        for (const auto& variable : variables) words.insert(words.end(), {"-x", variable});
        for (const auto& word : command("demo_cnn_4bit.yaml", shared)) words.push_back(word);
        words.insert(words.end(), arguments.begin(), arguments.end());
        return ChildProcess(words, log).wait();
    }
};

void check_equal_results(const fs::path& a, const fs::path& b) {
    const RunRecord one = read_run_file(a, ReadScope::everything);
    const RunRecord other = read_run_file(b, ReadScope::everything);
    CHECK(one.identity == other.identity);
    CHECK(one.full_precision->prediction == other.full_precision->prediction);
    CHECK(one.quantized->prediction == other.quantized->prediction);
    CHECK(one.calibration_images == other.calibration_images);
    REQUIRE(one.sets.size() == other.sets.size());
    for (std::size_t i = 0; i < one.sets.size(); ++i) {
        CHECK(one.sets[i].full_precision->prediction == other.sets[i].full_precision->prediction);
        CHECK(one.sets[i].quantized->prediction == other.sets[i].quantized->prediction);
        CHECK(one.sets[i].quantized->kl == other.sets[i].quantized->kl);
    }
    REQUIRE(one.layers.size() == other.layers.size());
    for (std::size_t i = 0; i < one.layers.size(); ++i) {
        INFO(one.layers[i].name);
        CHECK(std::ranges::equal(one.layers[i].bit_code.bytes(), other.layers[i].bit_code.bytes()));
        CHECK(one.layers[i].relative_error == other.layers[i].relative_error);
        CHECK(one.layers[i].heldout_relative_error == other.layers[i].heldout_relative_error);
    }
    CHECK(one.parameters.size() == other.parameters.size());
    for (const auto& [name, tensor] : one.parameters) {
        INFO(name);
        CHECK(std::ranges::equal(tensor.bytes(), other.parameters.at(name).bytes()));
    }
}

}  // namespace

TEST_CASE("a run over several ranks has the codes and predictions of one") {
    if (!test::have_mpirun()) return;
    const std::string config = GENERATE("demo_vit_4bit.yaml", "demo_cnn_4bit.yaml");
    const std::vector<std::string> more{
        "calibration.holdout=20", "repair.bias_correction=true",
        "evaluation.sets=[{name: more, data: {layout: demo}, images: 700}]"};
    const RanksRun alone;
    REQUIRE(alone.run(1, config, more) == 0);
    const RanksRun together;
    const int code = together.run(3, config, more);
    INFO(test::text_of(together.log));
    REQUIRE(code == 0);
    check_equal_results(alone.result, together.result);
    // Only the root speaks.
    const std::string text = test::text_of(together.log);
    CHECK(text.find("comq-result") != std::string::npos);
    CHECK(text.find("comq-result") == text.rfind("comq-result"));
}

TEST_CASE("a program over several ranks has the codes and predictions of one") {
    if (!test::have_mpirun()) return;
    COMQ_NEED_PROGRAMS(programs);
    const std::vector<std::string> more{
        "model.name=null", "model.program=" + (programs / "products.pt2").string(),
        "evaluation.allow_chance=true", "calibration.holdout=20", "repair.bias_correction=true"};
    const RanksRun alone, together;
    REQUIRE(alone.run(1, "demo_cnn_4bit.yaml", more) == 0);
    const int code = together.run(2, "demo_cnn_4bit.yaml", more);
    INFO(test::text_of(together.log));
    REQUIRE(code == 0);
    check_equal_results(alone.result, together.result);
}

TEST_CASE("unreadable images of all ranks count together") {
    if (!test::have_mpirun()) return;
    const RanksRun demo;
    const fs::path images = demo.folder / "images";
    for (int label = 0; label < 10; ++label) {
        const fs::path folder = images / std::to_string(label);
        for (int i = 0; i < 4; ++i)
            test::write_jpeg(folder / (std::to_string(i) + ".jpg"), 20 * label);
    }
    // With micro-batches of 8 of the 40 images, one broken image in the share of each rank.
    fs::resize_file(images / "0" / "0.jpg", 10);
    fs::resize_file(images / "2" / "0.jpg", 10);
    const std::vector<std::string> evaluate_only{
        "data.layout=imagefolder", "data.evaluation=" + images.string(), "evaluation.images=all",
        "quantization.method=none", "data.max_bad_images=1"};
    CHECK(demo.run(2, "demo_cnn_4bit.yaml", evaluate_only) == 3);
    CHECK_THAT(test::text_of(demo.log), ContainsSubstring("data.max_bad_images"));
    auto more_allowed = evaluate_only;
    more_allowed.back() = "data.max_bad_images=2";
    more_allowed.emplace_back("--restart");
    CHECK(demo.run(2, "demo_cnn_4bit.yaml", more_allowed) == 0);
}

TEST_CASE("ranks that would run something else each compute nothing") {
    if (!test::have_mpirun()) return;
    const RanksRun demo;
    const auto refused = [&](const std::string& what) {
        const std::string text = test::text_of(demo.log);
        INFO(text);
        CHECK_THAT(text, ContainsSubstring("error: rank 1 (process ") &&
                             ContainsSubstring(") differs from rank 0 in " + what));
        CHECK(text.find("error: rank") == text.rfind("error: rank"));
        CHECK_FALSE(fs::exists(demo.result));
        CHECK_FALSE(fs::exists(demo.result.string() + ".parts"));
    };
    CHECK(demo.run_unlike({}, {"quantization.bits=3"}) == 2);
    refused("quantization.bits; ");
    CHECK(demo.run_unlike({}, {"seed=5"}) == 2);
    refused("seed, calibration images; ");
    CHECK(demo.run_unlike({}, {"resources.memory=1GB"}) == 2);
    refused("resources.memory; ");
    if (vector_units().front() != VectorUnit::portable) {
        CHECK(demo.run_unlike({"ATEN_CPU_CAPABILITY=default"}, {}) == 2);
        refused("LibTorch and instruction set; ");
    }
    // A folder of the node's own that does not hold what the other's does.
    for (const char* node : {"a", "b"}) {
        for (int label = 0; label < 10; ++label) {
            test::write_jpeg(demo.folder / node / std::to_string(label) / "0.jpg", 20 * label);
        }
    }
    test::write_jpeg(demo.folder / "b" / "3" / "1.jpg", 50);
    ::setenv("NODE", "a", 1);
    CHECK(demo.run_unlike(
              {"NODE=b"}, {},
              {"data.layout=imagefolder", "evaluation.images=all", "quantization.method=none",
               "data.evaluation=" + demo.folder.string() + "/${NODE}"}) == 2);
    ::unsetenv("NODE");
    refused("evaluation images; ");
}

TEST_CASE("a rank that does not see the folder of the parts says so") {
    if (!test::have_mpirun()) return;
    RanksRun demo;
    demo.result = demo.folder / "${NODE}" / "run.h5";
    ::setenv("NODE", "a", 1);
    CHECK(demo.run_unlike({"NODE=b"}, {}) == 2);
    ::unsetenv("NODE");
    CHECK_THAT(test::text_of(demo.log),
               ContainsSubstring("b/run.h5.parts: one of the ranks does not see"));
}

TEST_CASE("a rank that fails ends all with its reason and exit code") {
    if (!test::have_mpirun()) return;
    const RanksRun demo;
    CHECK(demo.run(2, "demo_cnn_4bit.yaml", {"evaluation.expected_top1=20"}) == 4);
    CHECK_THAT(test::text_of(demo.log), ContainsSubstring("error: "));
    const std::vector<std::string> more{"calibration.holdout=20"};
    REQUIRE(demo.run(2, "demo_cnn_4bit.yaml", more) == 0);
    const RanksRun alone;
    REQUIRE(alone.run(1, "demo_cnn_4bit.yaml", more) == 0);
    check_equal_results(alone.result, demo.result);
}
