#include <algorithm>
#include <set>
#include <thread>

#include "core/random.hpp"
#include "experiment/runs.hpp"
#include "experiment/statistics_cache.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

LayerStatistics sample_statistics(int64_t in_features, int64_t groups) {
    const RandomStream stream(0, "statistics");
    LayerStatistics statistics{in_features, groups, {}, {}, {}, {}};
    for (const char* name : {statistic::gram, statistic::heldout_gram}) {
        statistics.rows[name] = 100;
        for (int64_t group = 0; group < groups; ++group) {
            PackedTriangle triangle(in_features);
            uint64_t counter = 0;
            for (auto& value : triangle.values()) value = stream.normal(counter++);
            statistics.grams[name].push_back(std::move(triangle));
        }
    }
    return statistics;
}

std::vector<fs::path> entries(const fs::path& folder, const std::string& kind) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().filename().string().starts_with(kind)) files.push_back(entry);
    }
    return files;
}

/** Runs of the demo transformer in one folder with one cache. */
class Runs {
  public:
    RunRecord run(const std::string& name, std::vector<std::string> overrides = {},
                  const RunOptions& options = {}) const {
        overrides.insert(overrides.end(), {"calibration.images=64", "evaluation.images=100"});
        auto config = test::shipped_config("demo_vit_4bit", folder_, overrides);
        config.config.resources.cache = cache();
        config.config.output.file = result(name);
        return run_experiment(config, options);
    }
    fs::path result(const std::string& name) const { return folder_ / name; }
    fs::path cache() const { return folder_ / "cache"; }

  private:
    fs::path folder_ = test::temporary_folder();
};

bool collected(const RunRecord& run) {
    return std::ranges::any_of(run.stages,
                               [](const auto& stage) { return stage.name == "calibrate"; });
}

void check_same_codes(const RunRecord& a, const RunRecord& b) {
    REQUIRE(a.layers.size() == b.layers.size());
    for (std::size_t i = 0; i < a.layers.size(); ++i) {
        CHECK(std::ranges::equal(a.layers[i].bit_code.bytes(), b.layers[i].bit_code.bytes()));
        CHECK(std::ranges::equal(a.layers[i].scale.bytes(), b.layers[i].scale.bytes()));
        CHECK(a.layers[i].error == b.layers[i].error);
    }
}

void flip_last_byte(const fs::path& file) {
    FILE* stream = std::fopen(file.c_str(), "r+b");
    REQUIRE(stream != nullptr);
    std::fseek(stream, -1, SEEK_END);
    const int byte = std::fgetc(stream);
    std::fseek(stream, -1, SEEK_END);
    std::fputc(byte ^ 1, stream);
    std::fclose(stream);
}

}  // namespace

TEST_CASE("statistics come back from the cache bit for bit") {
    const CacheFolder folder(test::temporary_folder(), 1'000'000);
    const StatisticsCache cache(folder, "origin\n");
    const auto stored = sample_statistics(7, 3);
    CHECK_FALSE(cache.holds("layer"));
    cache.store("layer", stored);
    const auto loaded = cache.load("layer");
    REQUIRE(loaded);
    CHECK(loaded->in_features == 7);
    CHECK(loaded->groups == 3);
    CHECK(loaded->rows == stored.rows);
    for (const auto& [name, triangles] : stored.grams) {
        for (std::size_t group = 0; group < triangles.size(); ++group) {
            CHECK(loaded->grams.at(name)[group].values() == triangles[group].values());
        }
    }
}

TEST_CASE("cached statistics of another layer, network or recipe are not taken") {
    const CacheFolder folder(test::temporary_folder(), 1'000'000);
    const StatisticsCache cache(folder, "origin\n");
    cache.store("layer", sample_statistics(4, 1));
    CHECK_FALSE(cache.load("other layer"));
    CHECK_FALSE(StatisticsCache(folder, "other origin\n").load("layer"));

    cache.store("other layer", sample_statistics(5, 1));
    const auto files = entries(folder.file("statistics", "").parent_path(), "statistics-");
    REQUIRE(files.size() == 2);
    fs::copy_file(files[0], files[1], fs::copy_options::overwrite_existing);
    CHECK(cache.load("layer").has_value() != cache.load("other layer").has_value());
    CHECK(cache.holds("layer") != cache.holds("other layer"));
}

TEST_CASE("a damaged file that can't be removed is not tried again") {
    const auto path = test::temporary_folder();
    const CacheFolder folder(path, 1'000'000);
    const StatisticsCache cache(folder, "origin\n");
    cache.store("layer", sample_statistics(4, 1));
    // Not even root removes a folder by the name of a file.
    const auto file = entries(path, "statistics-").at(0);
    fs::remove(file);
    fs::create_directories(file / "inside");
    CHECK(cache.holds("layer"));
    CHECK_FALSE(cache.load("layer"));
    CHECK_FALSE(cache.holds("layer"));
    fs::remove_all(file);
    cache.store("layer", sample_statistics(4, 1));
    CHECK(cache.holds("layer"));
}

TEST_CASE("a cache without locks is used all the same") {
    const auto path = test::temporary_folder();
    const CacheFolder folder(path, 1'000'000);
    const auto entry = folder.file("statistics", "key");
    const std::atomic<bool> stop{false};
    CHECK(folder.lock(entry, stop) != nullptr);
    fs::create_directories(entry.string() + ".lock");
    CHECK(folder.lock(entry, stop) == nullptr);
}

TEST_CASE("predictions that some images are missing from are not shared") {
    const Runs runs;
    const auto whole = runs.run("whole.h5");
    const auto file = entries(runs.cache(), "predictions-").at(0);
    auto part = predictions_from(read_journal_part(file), file);
    Predictions but_the_last;
    for (std::size_t i = 0; i + 1 < part.predictions.size(); ++i) {
        append_image(but_the_last, part.predictions, i);
    }
    part.predictions = but_the_last;
    write_journal_part(file, to_part(part));
    const auto again = runs.run("again.h5");
    CHECK(again.full_precision->images == whole.full_precision->images);
    CHECK(predictions_from(read_journal_part(file), file).predictions.size() == 100);
}

TEST_CASE("a cache that is switched off neither holds nor waits") {
    const CacheFolder off({}, 1);
    const StatisticsCache cache(off, "origin\n");
    const std::atomic<bool> stop{false};
    cache.store("layer", sample_statistics(4, 1));
    CHECK_FALSE(cache.load("layer"));
    CHECK(cache.lock(stop) == nullptr);
}

TEST_CASE("runs that differ in their solver share the statistics and keep their codes") {
    const Runs runs;
    const auto first = runs.run("first.h5");
    CHECK(collected(first));
    const auto again = runs.run("again.h5");
    CHECK_FALSE(collected(again));
    check_same_codes(first, again);
    CHECK_FALSE(collected(runs.run("bits.h5", {"quantization.bits=3", "quantization.sweeps=2"})));
    CHECK_FALSE(
        collected(runs.run("rule.h5", {"quantization.layers=[{match: '*.0.*', bits: 8}]"})));
    CHECK(collected(runs.run("seed.h5", {"seed=1"})));
    CHECK(collected(runs.run("augmented.h5", {"calibration.transform=train"})));
    CHECK(collected(runs.run("holdout.h5", {"calibration.holdout=8"})));

    const std::vector<std::string> rows{"calibration.selection=first",
                                        "calibration.rows_per_image=4", "seed=0"};
    CHECK(collected(runs.run("rows.h5", rows)));
    CHECK_FALSE(
        collected(runs.run("same_rows.h5", {rows[0], rows[1], rows[2], "quantization.bits=3"})));
    CHECK(collected(runs.run("other_rows.h5", {rows[0], rows[1], "seed=1"})));
}

TEST_CASE("what runs share can be computed alone, before any of them") {
    const Runs runs;
    const RunOptions shared{.arguments = {}, .shared_only = true};
    runs.run("a.h5", {}, shared);
    CHECK_FALSE(fs::exists(runs.result("a.h5")));
    CHECK_FALSE(fs::exists(RunJournal::folder_of(runs.result("a.h5"))));
    CHECK(entries(runs.cache(), "predictions-").size() == 1);
    const auto statistics = entries(runs.cache(), "statistics-");
    const auto first = runs.run("a.h5");
    CHECK_FALSE(collected(first));
    CHECK(statistics.size() == first.layers.size());
    check_same_codes(first, Runs().run("alone.h5"));

    // Work that somebody else's interrupted run has finished stays.
    const auto journal = RunJournal::folder_of(runs.result("b.h5"));
    const RunOptions resumed{.leftover = Leftover::resume, .arguments = {}, .shared_only = true};
    runs.run("b.h5", {}, resumed);
    CHECK(fs::exists(journal));
    CHECK_FALSE(collected(runs.run("b.h5", {}, {.leftover = Leftover::resume, .arguments = {}})));
    // Nor is a finished run computed again.
    CHECK_FALSE(collected(runs.run("b.h5", {"quantization.bits=4"}, shared)));
}

TEST_CASE("without a cache there is nothing that runs could share") {
    auto config = test::shipped_config("demo_vit_4bit", test::temporary_folder(), {});
    config.config.resources.cache.clear();
    CHECK_THROWS_WITH(run_experiment(config, {.arguments = {}, .shared_only = true}),
                      ContainsSubstring("resources.cache: --shared-only"));
}

TEST_CASE("damaged statistics and predictions in the cache are computed again") {
    const Runs runs;
    const auto first = runs.run("first.h5");
    const auto statistics = entries(runs.cache(), "statistics-");
    const auto predictions = entries(runs.cache(), "predictions-");
    REQUIRE(statistics.size() == first.layers.size());
    REQUIRE(predictions.size() == 1);
    flip_last_byte(statistics[1]);
    fs::resize_file(statistics[0], fs::file_size(statistics[0]) / 2);
    fs::resize_file(predictions[0], fs::file_size(predictions[0]) / 2);
    const auto second = runs.run("second.h5");
    CHECK(collected(second));
    check_same_codes(first, second);
    CHECK(second.full_precision->prediction == first.full_precision->prediction);
    CHECK_FALSE(collected(runs.run("third.h5")));
}

TEST_CASE("a cache too small for all layers keeps none of them") {
    const Runs runs;
    CHECK(collected(runs.run("first.h5", {"resources.cache_limit=100kB"})));
    CHECK(entries(runs.cache(), "statistics-").empty());
}

TEST_CASE("runs that differ in what follows the codes share what is solved layer after layer") {
    const Runs runs;
    const std::vector<std::string> solved{"calibration.inputs=quantized", "calibration.holdout=8",
                                          "rotation.values=true", "rotation.seeds=2"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.end(), solved.begin(), solved.end());
        return more;
    };
    const auto calibrated = [](const RunRecord& run) { return collected(run); };
    const auto first = runs.run("first.h5", with({}));
    CHECK(calibrated(first));
    const auto tuned =
        runs.run("tuned.h5", with({"repair.norm_tuning=full_precision_logits", "repair.epochs=1"}));
    CHECK_FALSE(calibrated(tuned));
    check_same_codes(first, tuned);
    REQUIRE(tuned.rotations.size() == first.rotations.size());
    CHECK(tuned.rotations[1].kl == first.rotations[1].kl);
    CHECK(tuned.quantized->kl != first.quantized->kl);
    CHECK(calibrated(runs.run("bits.h5", with({"quantization.bits=3"}))));

    const auto layers = entries(runs.cache(), "solution-");
    REQUIRE_FALSE(layers.empty());
    for (const auto& file : layers) flip_last_byte(file);
    const auto again = runs.run("again.h5", with({}));
    CHECK(calibrated(again));
    check_same_codes(first, again);
    CHECK(again.quantized->kl == first.quantized->kl);
}
