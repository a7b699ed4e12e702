#include "results/run_journal.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/errors.hpp"
#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/file_size_limit.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

const RunIdentity identity{"id-1", "bits: 4\n", {{"checkpoint", "c0ffee"}}, "this commit"};

std::vector<std::string> no_keys(const std::string&, const std::string&) { return {}; }

RunJournal open(const fs::path& result, Leftover leftover) {
    return RunJournal(result, identity, leftover, no_keys);
}

LayerRecord layer(std::size_t i) { return test::sample_run().layers[i]; }

/** A journal with both layers of the sample and two blocks of predictions. */
fs::path finished_journal() {
    const fs::path result = test::temporary_folder() / "run.h5";
    RunJournal journal(result, identity, Leftover::refuse, no_keys);
    journal.store_layer(layer(0));
    journal.store_layer(layer(1));
    journal.store_predictions(
        {"quantized", {{8, 9}, {1, 2}, {1, 7}, {0, 31}, {1, 2}, {3, 4}, {80, 81, 90, 91}}});
    journal.store_predictions(
        {"quantized", {{0, 1}, {3, 4}, {3, 4}, {0, 0}, {5, 6}, {7, 8}, {0, 1, 10, 11}}});
    return result;
}

fs::path part_of(const fs::path& result, const std::string& name) {
    return RunJournal::folder_of(result) / name;
}

void overwrite(const fs::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

}  // namespace

TEST_CASE("a resumed journal has what was stored") {
    const fs::path result = finished_journal();
    const RunJournal journal(result, identity, Leftover::resume, no_keys);
    CHECK(journal.finished_layers() ==
          std::vector<std::string>{"blocks.0.attn.qkv", "features.3.expand3x3"});
    test::check_equal(*journal.layer("features.3.expand3x3"), layer(1));
    CHECK_FALSE(journal.layer("head").has_value());
    const Predictions predictions = journal.predictions("quantized");
    CHECK(predictions.image == std::vector<int64_t>{0, 1, 8, 9});
    CHECK(predictions.label == std::vector<int64_t>{3, 4, 1, 2});
    CHECK(predictions.prediction == std::vector<int64_t>{3, 4, 1, 7});
    CHECK(predictions.rank == std::vector<int64_t>{0, 0, 0, 31});
    CHECK(predictions.margin == std::vector<double>{5, 6, 1, 2});
    CHECK(predictions.divergence == std::vector<double>{7, 8, 3, 4});
    CHECK(predictions.log_probability == std::vector<uint16_t>{0, 1, 10, 11, 80, 81, 90, 91});
    CHECK(journal.predictions("full_precision").size() == 0);
}

TEST_CASE("repaired parameters are kept, and repaired again when damaged") {
    const fs::path result = finished_journal();
    const std::vector<float> values{0.5F, -1.0F};
    {
        RunJournal journal = open(result, Leftover::resume);
        CHECK_FALSE(journal.tensors(TensorSet::parameters).has_value());
        journal.store_tensors(TensorSet::parameters,
                              {{"bn1.bias", HostTensor::copy_of<float>(DType::f32, {2}, values)}});
    }
    {
        const RunJournal journal = open(result, Leftover::resume);
        const auto stored = journal.tensors(TensorSet::parameters)->at("bn1.bias").as<float>();
        CHECK(std::vector<float>(stored.begin(), stored.end()) == values);
    }
    overwrite(part_of(result, "parameters.safetensors"), "cut");
    CHECK_FALSE(open(result, Leftover::resume).tensors(TensorSet::parameters).has_value());
    CHECK_FALSE(fs::exists(part_of(result, "parameters.safetensors")));
}

TEST_CASE("ranges of layer inputs are kept, and found again when damaged") {
    const fs::path result = finished_journal();
    const std::vector<float> values{-2.0F};
    {
        RunJournal journal = open(result, Leftover::resume);
        CHECK_FALSE(journal.tensors(TensorSet::input_ranges).has_value());
        journal.store_tensors(
            TensorSet::input_ranges,
            {{"fc/minimum", HostTensor::copy_of<float>(DType::f32, {1}, values)}});
    }
    CHECK(open(result, Leftover::resume)
              .tensors(TensorSet::input_ranges)
              ->at("fc/minimum")
              .as<float>()[0] == -2.0F);
    overwrite(part_of(result, "input_ranges.safetensors"), "cut");
    CHECK_FALSE(open(result, Leftover::resume).tensors(TensorSet::input_ranges).has_value());
}

TEST_CASE("the work of an earlier run is never touched unasked") {
    const fs::path result = finished_journal();
    CHECK_THROWS_AS(RunJournal(result, identity, Leftover::refuse, no_keys), UsageError);
    CHECK_THROWS_WITH(RunJournal(result, identity, Leftover::refuse, no_keys),
                      ContainsSubstring("run.h5.parts: holds the finished work") &&
                          ContainsSubstring("--resume") && ContainsSubstring("--restart"));
    CHECK(fs::exists(part_of(result, "layer.blocks.0.attn.qkv.safetensors")));
    const RunJournal restarted(result, identity, Leftover::restart, no_keys);
    CHECK(restarted.finished_layers().empty());
    CHECK_FALSE(fs::exists(part_of(result, "layer.blocks.0.attn.qkv.safetensors")));
}

TEST_CASE("a journal without finished work is no obstacle") {
    const fs::path result = test::temporary_folder() / "run.h5";
    { const RunJournal journal(result, identity, Leftover::refuse, no_keys); }
    const RunIdentity other{"id-2", "bits: 3\n", {}, "this commit"};
    CHECK_NOTHROW(RunJournal(result, other, Leftover::refuse, no_keys));
    CHECK_NOTHROW(RunJournal(result, identity, Leftover::resume, no_keys));
}

TEST_CASE("resuming another run names what differs") {
    const fs::path result = finished_journal();
    const DifferingKeys bits = [](const std::string& here, const std::string& there) {
        CHECK(here == "bits: 3\n");
        CHECK(there == "bits: 4\n");
        return std::vector<std::string>{"bits"};
    };
    const RunIdentity other{"id-2", "bits: 3\n", {{"checkpoint", "beef"}}, "this commit"};
    CHECK_THROWS_AS(RunJournal(result, other, Leftover::resume, bits), UsageError);
    CHECK_THROWS_WITH(RunJournal(result, other, Leftover::resume, bits),
                      ContainsSubstring("differs in bits, checkpoint;"));
    CHECK(open(result, Leftover::resume).finished_layers().size() == 2);
}

TEST_CASE("the work of another build is not mixed with this one's") {
    const fs::path result = finished_journal();
    RunIdentity other = identity;
    other.program = "other commit";
    CHECK_THROWS_AS(RunJournal(result, other, Leftover::resume, no_keys), UsageError);
    CHECK_THROWS_WITH(RunJournal(result, other, Leftover::resume, no_keys),
                      ContainsSubstring("another build of comq (commit this commit, this is other "
                                        "commit)") &&
                          ContainsSubstring("--restart"));
    CHECK_NOTHROW(RunJournal(result, identity, Leftover::resume, no_keys));
}

TEST_CASE("what began elsewhere starts over where that is asked for, and nothing else does") {
    const fs::path result = finished_journal();
    const auto layers = [&](const RunIdentity& of) {
        return RunJournal(result, of, Leftover::resume_or_restart, no_keys)
            .finished_layers()
            .size();
    };
    CHECK(layers(identity) == 2);
    RunIdentity other = identity;
    other.digest = "id-2";
    other.content["checkpoint"] = "beef";
    CHECK_THROWS_WITH(layers(other), ContainsSubstring("differs in checkpoint;"));
    other = identity;
    SECTION("another build") { other.program = "other commit"; }
    SECTION("another CPU") {
        other.digest = "id-3";
        other.content[machine_content] = "AVX512";
    }
    CHECK_THROWS_WITH(RunJournal(result, other, Leftover::resume, no_keys),
                      ContainsSubstring("restart_elsewhere=true"));
    CHECK(layers(other) == 0);
    // It is the other's from now on.
    CHECK_NOTHROW(RunJournal(result, other, Leftover::resume, no_keys));
}

TEST_CASE("a run that waits for another leaves a mark, which goes with its parts") {
    const fs::path result = test::temporary_folder() / "run.h5";
    RunJournal journal(result, identity, Leftover::refuse, no_keys);
    journal.leave_mark("waited");
    CHECK(fs::exists(RunJournal::folder_of(result) / "waited"));
    journal.remove();
    CHECK_FALSE(fs::exists(RunJournal::folder_of(result)));
}

TEST_CASE("a rank joins only the journal of its own run") {
    const fs::path result = finished_journal();
    RunIdentity other = identity;
    other.digest = "id-2";
    CHECK_THROWS_WITH(RunJournal::join(result, other), ContainsSubstring("does not see"));
    CHECK_THROWS_WITH(RunJournal::join(test::temporary_folder() / "run.h5", identity),
                      ContainsSubstring("does not see"));
}

TEST_CASE("a damaged part is dropped and the rest is kept") {
    const fs::path result = finished_journal();
    const fs::path part = part_of(result, "layer.blocks.0.attn.qkv.safetensors");
    SECTION("cut") { fs::resize_file(part, fs::file_size(part) / 2); }
    SECTION("emptied") { fs::resize_file(part, 0); }
    SECTION("changed at its end") {
        std::fstream stream(part, std::ios::binary | std::ios::in | std::ios::out);
        stream.seekp(-1, std::ios::end).put('\x7f');
    }
    SECTION("of another format") { overwrite(part, "no safetensors"); }
    SECTION("in the place of another") {
        fs::copy_file(part_of(result, "layer.features.3.expand3x3.safetensors"), part,
                      fs::copy_options::overwrite_existing);
    }
    const RunJournal journal(result, identity, Leftover::resume, no_keys);
    CHECK(journal.finished_layers() == std::vector<std::string>{"features.3.expand3x3"});
    CHECK(journal.predictions("quantized").size() == 4);
    CHECK_FALSE(fs::exists(part));
}

TEST_CASE("tensors and predictions in the place of others are dropped") {
    const fs::path result = finished_journal();
    {
        RunJournal journal = open(result, Leftover::resume);
        journal.store_tensors(TensorSet::parameters, {{"norm.weight", layer(0).scale}});
    }
    const auto replace = [&](const std::string& name, const std::string& with) {
        fs::copy_file(part_of(result, with), part_of(result, name),
                      fs::copy_options::overwrite_existing);
    };
    replace("input_ranges.safetensors", "parameters.safetensors");
    replace("predictions.quantized.000000000.safetensors",
            "predictions.quantized.000000008.safetensors");
    const RunJournal journal = open(result, Leftover::resume);
    CHECK(journal.tensors(TensorSet::parameters).has_value());
    CHECK_FALSE(journal.tensors(TensorSet::input_ranges).has_value());
    CHECK(journal.predictions("quantized").image == std::vector<int64_t>{8, 9});
}

TEST_CASE("ranks share the journal that their root has opened") {
    const fs::path result = finished_journal();
    RunJournal root = open(result, Leftover::resume);
    const auto other = RunJournal::join(result, identity);
    CHECK(other->finished_layers().size() == 2);
    LayerRecord third = layer(0);
    third.name = "blocks.1.attn.qkv";
    other->store_layer(third);
    other->store_predictions(
        {"quantized", {{20, 21}, {5, 5}, {5, 5}, {0, 0}, {1, 1}, {2, 2}, {0, 0, 0, 0}}});
    CHECK_FALSE(root.layer("blocks.1.attn.qkv").has_value());
    root.refresh();
    test::check_equal(*root.layer("blocks.1.attn.qkv"), third);
    CHECK(root.predictions("quantized").image == std::vector<int64_t>{0, 1, 8, 9, 20, 21});
}

TEST_CASE("the temporary file of a killed process is ignored and removed") {
    const fs::path result = finished_journal();
    const fs::path part = part_of(result, ".layer.head.safetensors.4711-0.tmp");
    const fs::path half_a_result = result.parent_path() / ".run.h5.4711-9.tmp";
    const fs::path of_another_run = result.parent_path() / ".run.h.h5.4711-9.tmp";
    for (const auto& stray : {part, half_a_result, of_another_run}) overwrite(stray, "half");
    const RunJournal journal(result, identity, Leftover::resume, no_keys);
    CHECK(journal.finished_layers().size() == 2);
    CHECK_FALSE(fs::exists(part));
    CHECK_FALSE(fs::exists(half_a_result));
    CHECK(fs::exists(of_another_run));
}

TEST_CASE("parts without a readable header are not guessed at") {
    const fs::path result = finished_journal();
    const fs::path header = part_of(result, "run.json");
    SECTION("cut") { fs::resize_file(header, 10); }
    SECTION("missing") { fs::remove(header); }
    SECTION("of a later version") { overwrite(header, R"({"format": "comq journal 2"})"); }
    CHECK_THROWS_AS(RunJournal(result, identity, Leftover::resume, no_keys), InputError);
    CHECK_THROWS_WITH(RunJournal(result, identity, Leftover::resume, no_keys),
                      ContainsSubstring("run.json: is damaged") && ContainsSubstring("--restart") &&
                          !ContainsSubstring("json.exception"));
    CHECK_NOTHROW(RunJournal(result, identity, Leftover::restart, no_keys));
}

TEST_CASE("a second writer is told who the first is, and a dead one holds nothing") {
    const fs::path result = finished_journal();
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const RunJournal journal(result, identity, Leftover::resume, no_keys);
        const bool told = write(ready[1], "!", 1) == 1;
        while (told) pause();
        _exit(1);
    }
    char byte = 0;
    REQUIRE(read(ready[0], &byte, 1) == 1);
    CHECK_THROWS_WITH(RunJournal(result, identity, Leftover::restart, no_keys),
                      ContainsSubstring("run.h5: process " + std::to_string(child) + " on host "));
    REQUIRE(kill(child, SIGKILL) == 0);
    REQUIRE(waitpid(child, nullptr, 0) == child);
    close(ready[0]);
    close(ready[1]);
    CHECK(open(result, Leftover::resume).finished_layers().size() == 2);
}

TEST_CASE("a process killed while it stores loses nothing that store_layer returned") {
    const fs::path result = test::temporary_folder() / "run.h5";
    int stored[2];
    REQUIRE(pipe(stored) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        RunJournal journal(result, identity, Leftover::refuse, no_keys);
        for (unsigned char i = 0;; ++i) {
            LayerRecord next = layer(0);
            next.name = "layer" + std::to_string(i);
            journal.store_layer(next);
            if (write(stored[1], &i, 1) != 1) _exit(1);
        }
    }
    unsigned char last = 0;
    while (last < 20) REQUIRE(read(stored[0], &last, 1) == 1);
    REQUIRE(kill(child, SIGKILL) == 0);
    REQUIRE(waitpid(child, nullptr, 0) == child);
    close(stored[1]);
    while (read(stored[0], &last, 1) == 1) {
    }
    close(stored[0]);
    const RunJournal journal(result, identity, Leftover::resume, no_keys);
    for (int i = 0; i <= last; ++i) {
        INFO("layer " << i << " of " << int{last});
        REQUIRE(journal.layer("layer" + std::to_string(i)).has_value());
    }
}

TEST_CASE("a full disk ends in one line that says what is kept") {
    const fs::path result = finished_journal();
    {
        RunJournal journal(result, identity, Leftover::resume, no_keys);
        LayerRecord large = layer(0);
        large.name = "large";
        const std::vector<uint8_t> codes(1 << 20);
        large.bit_code = HostTensor::copy_of<uint8_t>(DType::u8, {1 << 10, 1 << 10}, codes);
        const test::FileSizeLimit full_disk(100'000);
        CHECK_THROWS_WITH(journal.store_layer(large),
                          ContainsSubstring("layer.large.safetensors: can't be written") &&
                              ContainsSubstring("the 2 finished layers and 4 predictions in"));
    }
    CHECK(open(result, Leftover::resume).finished_layers().size() == 2);
}

TEST_CASE("a removed journal leaves nothing beside the result") {
    const fs::path result = finished_journal();
    {
        RunJournal journal(result, identity, Leftover::resume, no_keys);
        journal.remove();
    }
    CHECK(fs::is_empty(result.parent_path()));
}
