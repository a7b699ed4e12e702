// Runs that evaluate both networks on further sets of images.
#include <fmt/format.h>

#include <algorithm>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "data/image_source.hpp"
#include "experiment/run_plan.hpp"
#include "experiment/runs.hpp"
#include "experiment/stages/stages.hpp"
#include "results/figures.hpp"
#include "results/run_file.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** Demo images of the evaluation as PPMs in folders by class, `shift` added to their labels. */
void write_demo_images(const fs::path& folder, const std::vector<int64_t>& indices,
                       int64_t shift = 0) {
    DataConfig demo;
    demo.layout = "demo";
    const auto source = open_image_source(demo, Split::evaluation);
    for (int64_t label = 0; label < 10; ++label) {
        fs::create_directories(folder / std::to_string(label));
    }
    for (const int64_t index : indices) {
        const RgbImage image = source->load(index);
        std::string bytes = fmt::format("P6 {} {} 255\n", image.width, image.height);
        bytes.append(reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size());
        const int64_t label = (source->info(index).label + shift) % 10;
        test::write_text(folder / std::to_string(label) / fmt::format("{:04}.ppm", index), bytes);
    }
}

std::vector<int64_t> range(int64_t first, int64_t last) {
    std::vector<int64_t> indices;
    for (int64_t i = first; i < last; ++i) indices.push_back(i);
    return indices;
}

const std::vector<std::string> small{"calibration.images=32", "calibration.holdout=0",
                                     "evaluation.images=60", "quantization.method=rtn",
                                     "quantization.bits=3"};

LoadedConfig config_with(const fs::path& folder, const std::string& sets,
                         std::vector<std::string> more = {}) {
    more.insert(more.end(), small.begin(), small.end());
    if (!sets.empty()) more.push_back("evaluation.sets=[" + sets + "]");
    return test::shipped_config("demo_cnn_4bit", folder, more);
}

std::string set_of(const std::string& name, const fs::path& root, const std::string& more = "") {
    return fmt::format("{{name: {}, data: {{root: {}}}{}}}", name, root.string(), more);
}

std::string error_of_run(const LoadedConfig& loaded) {
    try {
        run_experiment(loaded, {});
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("both networks are evaluated on every set, and its main images stay what they were") {
    const auto folder = test::temporary_folder();
    write_demo_images(folder / "other", range(500, 600));
    write_demo_images(folder / "same", range(0, 50));
    const auto plain = run_experiment(config_with(folder / "plain", ""), {});
    const auto loaded =
        config_with(folder / "sets", set_of("other", folder / "other") + ", " +
                                         set_of("same", folder / "same", ", images: 40"));
    const auto run = run_experiment(loaded, {});
    CHECK(run.identity != plain.identity);
    CHECK(run.quantized->prediction == plain.quantized->prediction);
    CHECK(run.quantized->kl == plain.quantized->kl);

    const auto read = read_run_file(loaded.config.output.file, ReadScope::everything);
    REQUIRE(read.sets.size() == 2);
    CHECK(read.sets[0].name == "other");
    CHECK(read.sets[0].full_precision->images == 100);
    CHECK(read.sets[1].quantized->images == 40);
    CHECK(read.sets[0].images.size() == 64);
    CHECK(*read.sets[0].agreement > 50.0);
    CHECK(find_figure("kl@other")->value(read) > 0.0);
    CHECK(find_figure("full_precision_top1@same")->value(read) > 80.0);

    // The same images as the set of another run have the same numbers there.
    auto as_main =
        config_with(folder / "main", "",
                    {"data.layout=imagefolder", "data.root=" + (folder / "other").string(),
                     "data.calibration=.", "data.evaluation=."});
    as_main.config.evaluation.images.reset();
    as_main.config.quantization.method = "none";
    const auto main = run_experiment(as_main, {});
    CHECK(main.provenance.evaluation_images == read.sets[0].images);
    CHECK(main.full_precision->prediction == read.sets[0].full_precision->prediction);
}

TEST_CASE("predictions of each set come from the cache") {
    const auto folder = test::temporary_folder();
    write_demo_images(folder / "other", range(500, 550));
    const auto keys_of = [](const LoadedConfig& loaded) {
        return run_keys(loaded.config, load_model(loaded.config.model, torch::kCPU),
                        open_images(loaded.config));
    };
    auto loaded = config_with(folder / "a", set_of("other", folder / "other"));
    loaded.config.resources.cache = folder / "cache";
    const auto run = run_experiment(loaded, {});
    const RunKeys keys = keys_of(loaded);
    CHECK(keys.full_precision == keys_of(config_with(folder / "p", "")).full_precision);
    const CacheFolder cache(folder / "cache", int64_t{1} << 30);
    CHECK(fs::exists(cache.file("predictions", keys.full_precision)));
    CHECK(fs::exists(cache.file("predictions", keys.sets.at(0).full_precision)));
    loaded.config.output.file = folder / "b.h5";
    const auto again = run_experiment(loaded, {});
    CHECK(again.sets[0].full_precision->prediction == run.sets[0].full_precision->prediction);
    CHECK(again.sets[0].quantized->kl == run.sets[0].quantized->kl);
    // A set of the main images has the predictions of the main one.
    const auto twin =
        keys_of(config_with(folder / "c", "{name: twin, data: {layout: demo}, images: 60}"));
    CHECK(twin.sets.at(0).full_precision == twin.full_precision);
}

TEST_CASE("a run without sets has the identity that it always had, one with other images another") {
    const auto folder = test::temporary_folder();
    write_demo_images(folder / "other", range(500, 520));
    const auto identity = [&](const std::string& sets) {
        const auto loaded = config_with(folder / "run", sets);
        return run_keys(loaded.config, load_model(loaded.config.model, torch::kCPU),
                        open_images(loaded.config))
            .identity;
    };
    const auto plain = identity("");
    for (const auto& [name, digest] : plain.content) {
        INFO(name);
        CHECK_FALSE(digest.empty());
        CHECK(name.find(" of ") == std::string::npos);
    }
    const auto other = identity(set_of("other", folder / "other"));
    CHECK(other.config == plain.config);
    CHECK(other.digest != plain.digest);
    CHECK(identity(set_of("renamed", folder / "other")).digest != other.digest);
    fs::rename(folder / "other", folder / "moved");
    CHECK(identity(set_of("other", folder / "moved")).digest == other.digest);
    CHECK(identity(set_of("other", folder / "moved", ", images: 10")).digest != other.digest);
}

TEST_CASE("a result with other sets is not taken for the run") {
    const auto folder = test::temporary_folder();
    write_demo_images(folder / "other", range(500, 520));
    run_experiment(config_with(folder, ""), {});
    CHECK_THAT(error_of_run(config_with(folder, set_of("other", folder / "other"))),
               ContainsSubstring("holds another run (it differs in evaluation.sets)"));
}

TEST_CASE("what is wrong with a set ends the run before anything is quantized") {
    const auto folder = test::temporary_folder();
    const auto root = folder / "set";
    int runs = 0;
    const auto problem = [&](std::vector<std::string> more = {}) {
        const auto loaded =
            config_with(folder / std::to_string(++runs), set_of("v2", root), std::move(more));
        const std::string error = error_of_run(loaded);
        CHECK(fs::exists(loaded.config.output.file) == error.empty());
        CHECK(error.find('\n') == std::string::npos);
        return error;
    };
    fs::create_directories(root);
    CHECK_THAT(problem(), ContainsSubstring("evaluation.sets, v2: "));

    write_demo_images(root, range(0, 20));
    test::write_jpeg(root / "10" / "a.jpg");
    CHECK_THAT(problem(), ContainsSubstring(
                              "evaluation.sets, v2: the images have 11 classes, demo_cnn has 10"));
    fs::remove_all(root);

    write_demo_images(root, range(0, 20));
    test::write_text(root / "0" / "broken.ppm", "");
    CHECK_THAT(problem(), ContainsSubstring("broken.ppm"));
    fs::remove_all(root);

    // Each label is one too high.
    write_demo_images(root, range(0, 200), 1);
    CHECK_THAT(problem(), ContainsSubstring("v2: full-precision Top-1 is no better"));
    CHECK(problem({"evaluation.allow_chance=true"}).empty());
}

TEST_CASE("a resumed run takes the predictions of a set from the journal") {
    const auto folder = test::temporary_folder();
    write_demo_images(folder / "other", range(500, 540));
    const auto loaded = config_with(folder / "run", set_of("other", folder / "other"));
    const auto run = run_experiment(loaded, {});
    fs::remove(loaded.config.output.file);
    {
        // Other predictions than the network's, by which they are known again.
        auto journal = test::new_journal(loaded);
        Predictions stored;
        std::vector<float> logits(10, 0.0F);
        logits[7] = 1.0F;
        for (int64_t i = 0; i < 40; ++i) append_prediction(stored, i, 7, logits.data(), 10);
        journal.store_predictions({"quantized@other", stored});
    }
    const auto resumed = run_experiment(loaded, {Leftover::resume, {}});
    CHECK(resumed.quantized->prediction == run.quantized->prediction);
    CHECK(resumed.sets[0].full_precision->prediction == run.sets[0].full_precision->prediction);
    CHECK(std::ranges::count(resumed.sets[0].quantized->prediction, 7) == 40);
}

TEST_CASE("a plan counts the images of every set") {
    const auto folder = test::temporary_folder();
    write_demo_images(folder / "other", range(500, 600));
    const auto plan_of = [&](const std::string& sets) {
        return plan_run(config_with(folder / "run", sets).config);
    };
    const RunPlan plan = plan_of(set_of("other", folder / "other"));
    CHECK(plan.probe.all_evaluation_images() == 160);
    CHECK_THAT(layers_text(plan),
               ContainsSubstring("evaluated on main (60 images), other (100 images)\n"));
    const auto json = plan_json(plan);
    CHECK(json["evaluation_images"] == 60);
    CHECK(json["evaluation_sets"][0]["images"] == 100);
    const RunPlan plain = plan_of("");
    CHECK(plain.probe.all_evaluation_images() == 60);
    CHECK(layers_text(plain).find("evaluated on") == std::string::npos);
    CHECK(plan.cost.disk_bytes - plain.cost.disk_bytes == 100 * 10 * 2);
    const RunPlan missing = plan_of(set_of("gone", folder / "gone"));
    CHECK(plan_json(missing)["evaluation_sets"][0]["images"].is_null());
    CHECK(missing.probe.evaluation_images == 60);
}
