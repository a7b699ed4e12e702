#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "core/child_process.hpp"
#include "core/random.hpp"
#include "networks/exported_programs.hpp"
#include "results/run_file.hpp"
#include "results/run_journal.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

constexpr int killed = 128 + SIGKILL;

/** run_experiment on the demo CNN, its result in `folder`. */
struct DemoRun {
    fs::path folder = test::temporary_folder();
    fs::path result = folder / "run.h5";
    fs::path log = folder / "log";

    std::vector<std::string> arguments(std::vector<std::string> more) const {
        std::vector<std::string> all{std::string(COMQ_PROGRAMS) + "/run_experiment",
                                     (test::source_dir() / "configs/demo_cnn_4bit.yaml").string(),
                                     "calibration.images=64",
                                     "evaluation.images=700",
                                     "resources.cache=null",
                                     "--output=" + result.string()};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    int run(const std::vector<std::string>& more = {}) const {
        return ChildProcess(arguments(more), log).wait();
    }

    std::size_t parts(const std::string& prefix) const {
        std::error_code none_yet;
        const fs::directory_iterator files(RunJournal::folder_of(result), none_yet);
        return static_cast<std::size_t>(
            std::count_if(begin(files), end(files), [&](const fs::directory_entry& file) {
                return file.path().filename().string().starts_with(prefix);
            }));
    }

    /** Sends `signal` once `count` parts of that kind are finished; the exit code. */
    int interrupt(int signal, const std::string& prefix, std::size_t count,
                  const std::vector<std::string>& more = {}) const {
        ChildProcess child(arguments(more), log);
        while (!child.ended() && parts(prefix) < count) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        child.signal(signal);
        return child.wait();
    }
};

const RunRecord& undisturbed() {
    static const RunRecord record = [] {
        const DemoRun demo;
        INFO(test::text_of(demo.log));
        REQUIRE(demo.run() == 0);
        return read_run_file(demo.result, ReadScope::everything);
    }();
    return record;
}

void check_as(const RunRecord& expected, const DemoRun& demo) {
    const RunRecord record = read_run_file(demo.result, ReadScope::everything);
    CHECK(record.identity == expected.identity);
    CHECK(record.full_precision->prediction == expected.full_precision->prediction);
    CHECK(record.quantized->prediction == expected.quantized->prediction);
    REQUIRE(record.layers.size() == expected.layers.size());
    for (std::size_t i = 0; i < record.layers.size(); ++i) {
        const LayerRecord& layer = record.layers[i];
        INFO(layer.name);
        CHECK(std::ranges::equal(layer.bit_code.bytes(), expected.layers[i].bit_code.bytes()));
        CHECK(std::ranges::equal(layer.scale.bytes(), expected.layers[i].scale.bytes()));
        CHECK(layer.relative_error == expected.layers[i].relative_error);
    }
    CHECK_FALSE(fs::exists(RunJournal::folder_of(demo.result)));
    // The result and the log: no lock, no temporary file.
    CHECK(std::distance(fs::directory_iterator(demo.folder), {}) == 2);
}

void check_as_undisturbed(const DemoRun& demo) { check_as(undisturbed(), demo); }

}  // namespace

TEST_CASE("a run killed at any stage is resumed to the result of an undisturbed one") {
    undisturbed();
    const DemoRun demo;
    REQUIRE(demo.interrupt(SIGKILL, "run.json", 1) == killed);
    for (const std::size_t layers : {1, 2, 5, 9}) {
        CHECK(demo.interrupt(SIGKILL, "layer.", layers, {"--resume"}) == killed);
        CHECK(demo.parts("layer.") >= layers);
    }
    CHECK(demo.interrupt(SIGKILL, "predictions.quantized", 1, {"--resume"}) == killed);
    CHECK(demo.run() == 2);
    CHECK_THAT(test::text_of(demo.log), ContainsSubstring("--resume"));
    CHECK(demo.run({"--resume"}) == 0);
    check_as_undisturbed(demo);
}

TEST_CASE("a run killed while it evaluates a set keeps what was predicted") {
    const std::vector<std::string> sets{
        "evaluation.sets=[{name: more, data: {layout: demo}, images: 1600}]"};
    const DemoRun whole;
    REQUIRE(whole.run(sets) == 0);
    const RunRecord expected = read_run_file(whole.result, ReadScope::everything);
    const DemoRun demo;
    auto resume = sets;
    resume.push_back("--resume");
    REQUIRE(demo.interrupt(SIGKILL, "predictions.full_precision@more", 1, sets) == killed);
    CHECK(demo.interrupt(SIGKILL, "predictions.quantized@more", 2, resume) == killed);
    CHECK(demo.parts("predictions.quantized@more") >= 2);
    CHECK(demo.run(resume) == 0);
    check_as(expected, demo);
    const RunRecord record = read_run_file(demo.result, ReadScope::everything);
    REQUIRE(record.sets.size() == 1);
    CHECK(record.sets[0].full_precision->prediction == expected.sets[0].full_precision->prediction);
    CHECK(record.sets[0].quantized->kl == expected.sets[0].quantized->kl);
}

TEST_CASE("a run killed at random moments is resumed to the result of an undisturbed one") {
    const auto begun = std::chrono::steady_clock::now();
    const DemoRun whole;
    REQUIRE(whole.run() == 0);
    const auto whole_time = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begun);
    undisturbed();

    // $COMQ_KILLS: more of them than every build needs.
    const char* wanted = std::getenv("COMQ_KILLS");
    const int kills = wanted != nullptr ? std::atoi(wanted) : 3;
    const RandomStream moments(static_cast<uint64_t>(begun.time_since_epoch().count()), "kills");
    const DemoRun demo;
    int done = 0;
    for (uint64_t attempt = 0; done < kills; ++attempt) {
        ChildProcess child(demo.arguments({"--resume"}), demo.log);
        std::this_thread::sleep_for(std::chrono::milliseconds(
            moments.below(attempt, static_cast<uint64_t>(whole_time.count()))));
        child.signal(SIGKILL);
        if (child.wait() == killed) {
            ++done;
        } else {
            fs::remove(demo.result);  // it was through before: start over
        }
    }
    CHECK(demo.run({"--resume"}) == 0);
    check_as_undisturbed(demo);
}

TEST_CASE("a signal ends a run in order, to be resumed") {
    undisturbed();
    const int signal = GENERATE(SIGTERM, SIGUSR1, SIGINT, SIGHUP, SIGXCPU);
    const DemoRun demo;
    REQUIRE(demo.interrupt(signal, "layer.", 2) == 75);
    CHECK_THAT(test::text_of(demo.log), ContainsSubstring("error: interrupted; ") &&
                                            ContainsSubstring("continue with --resume"));
    CHECK(demo.parts("layer.") >= 2);
    CHECK(demo.run({"--resume"}) == 0);
    check_as_undisturbed(demo);
}

TEST_CASE(
    "a run with error propagation is killed and resumed to the result of an undisturbed one") {
    const std::vector<std::string> settings{"calibration.inputs=quantized",
                                            "calibration.propagation=0.5"};
    const DemoRun whole;
    REQUIRE(whole.run(settings) == 0);
    const DemoRun demo;
    auto resumed = settings;
    resumed.emplace_back("--resume");
    CHECK(demo.interrupt(SIGKILL, "layer.", 1, settings) == killed);
    CHECK(demo.interrupt(SIGTERM, "layer.", 4, resumed) == 75);
    CHECK(demo.run(resumed) == 0);
    check_as(read_run_file(whole.result, ReadScope::everything), demo);
}

TEST_CASE("a program's run is killed and resumed, wherever its file has gone meanwhile") {
    COMQ_NEED_PROGRAMS(programs);
    const auto settings = [&](const fs::path& program, std::vector<std::string> more = {}) {
        const fs::path weights = test::source_dir() / "datasets" / "demo" / "demo_cnn.safetensors";
        more.insert(more.end(), {"model.name=null", "model.program=" + program.string(),
                                 "model.weights=" + weights.string()});
        return more;
    };
    const fs::path moved = test::temporary_folder() / "moved.pt2";
    fs::copy_file(programs / "democnn.pt2", moved);
    const DemoRun whole;
    REQUIRE(whole.run(settings(programs / "democnn.pt2")) == 0);
    const DemoRun demo;
    CHECK(demo.interrupt(SIGKILL, "layer.", 2, settings(programs / "democnn.pt2")) == killed);
    const std::string other = "model.program=" + (programs / "residual.pt2").string();
    CHECK(demo.run({"model.name=null", other, "evaluation.allow_chance=true", "--resume"}) == 2);
    CHECK_THAT(test::text_of(demo.log), ContainsSubstring("differs in"));
    CHECK(demo.interrupt(SIGTERM, "layer.", 4, settings(moved, {"--resume"})) == 75);
    CHECK(demo.run(settings(moved, {"--resume"})) == 0);
    check_as(read_run_file(whole.result, ReadScope::everything), demo);
}

TEST_CASE("a run killed among its refits is resumed to the result of an undisturbed one") {
    const std::vector<std::string> settings{"quantization.bits=2", "calibration.holdout=16",
                                            "repair.output_refit=true", "repair.norm_refit=true"};
    const DemoRun whole;
    REQUIRE(whole.run(settings) == 0);
    const DemoRun demo;
    auto resumed = settings;
    resumed.emplace_back("--resume");
    // Both networks spool their activations only while they are refitted.
    CHECK(demo.interrupt(SIGTERM, "activations", 1, settings) == 75);
    CHECK(demo.interrupt(SIGKILL, "activations", 1, resumed) == killed);
    CHECK(demo.interrupt(SIGKILL, "predictions.quantized", 1, resumed) == killed);
    CHECK(demo.run(resumed) == 0);
    check_as(read_run_file(whole.result, ReadScope::everything), demo);
}

TEST_CASE("an interrupted run is not continued with other settings") {
    const DemoRun demo;
    REQUIRE(demo.interrupt(SIGTERM, "layer.", 1) == 75);
    CHECK(demo.run({"--resume", "quantization.bits=3"}) == 2);
    CHECK_THAT(test::text_of(demo.log), ContainsSubstring("differs in quantization.bits"));
    CHECK(demo.parts("layer.") >= 1);
}
