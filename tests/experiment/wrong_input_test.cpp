// What a run says when its images are prepared, or their labels numbered, otherwise than the
// network's were.
#include <fmt/format.h>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "data/demo_source.hpp"
#include "evaluation/evaluate.hpp"
#include "experiment/preprocessing_hint.hpp"
#include "experiment/runs.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

constexpr int side = 32;

std::string ppm(const RgbImage& image) {
    return fmt::format("P6 {} {} 255\n", image.width, image.height) +
           std::string(image.pixels.begin(), image.pixels.end());
}

/** Twice as large, each pixel repeated. */
RgbImage doubled(const RgbImage& image) {
    RgbImage large{2 * image.width, 2 * image.height, {}};
    for (int y = 0; y < large.height; ++y) {
        for (int x = 0; x < large.width; ++x) {
            const auto* pixel =
                &image.pixels[static_cast<std::size_t>(3 * ((y / 2) * image.width + x / 2))];
            large.pixels.insert(large.pixels.end(), pixel, pixel + 3);
        }
    }
    return large;
}

/** 300 images of the demo set as files, and a list of them whose labels `relabel` changes. */
class DemoFiles {
  public:
    explicit DemoFiles(bool large = false) {
        const auto demo = make_demo_source(Split::evaluation);
        for (int64_t i = 0; i < 300; ++i) {
            const RgbImage image = demo->load(i);
            test::write_text(folder_ / fmt::format("{}.ppm", i),
                             ppm(large ? doubled(image) : image));
        }
    }
    template <typename Relabel>
    LoadedConfig config(const Relabel& relabel, std::vector<std::string> overrides) const {
        std::string list;
        for (int64_t i = 0; i < 300; ++i) list += fmt::format("{}.ppm,{}\n", i, relabel(i % 10));
        test::write_text(folder_ / "list.csv", list);
        overrides.insert(
            overrides.begin(),
            {"data.layout=list", "data.root=" + folder_.string(), "data.calibration=list.csv",
             "data.evaluation=list.csv", "calibration.images=8", "calibration.holdout=0",
             "evaluation.images=all", "quantization.method=rtn"});
        return test::shipped_config("demo_cnn_4bit", folder_, overrides);
    }
    LoadedConfig config(const std::vector<std::string>& overrides) const {
        return config([](int64_t label) { return label; }, overrides);
    }

  private:
    fs::path folder_ = test::temporary_folder();
};

std::string hint(const LoadedConfig& loaded) {
    RunContext context(loaded.config);
    Progress progress("test", "images", 300);
    const auto predictions =
        evaluate(*context.model.network, context.evaluation_pass(context.sets.front()), progress);
    return better_preprocessing(context, predictions);
}

}  // namespace

TEST_CASE("colours of another publisher are named where they are right 3 points more often") {
    const DemoFiles files;
    const std::string wrong = hint(files.config(
        {"model.preprocessing.mean=[0,0,0]", "model.preprocessing.std=[0.05,0.05,0.05]"}));
    CHECK_THAT(wrong, ContainsSubstring("did you mean model.preprocessing.mean=[") &&
                          ContainsSubstring(" model.preprocessing.std=[") &&
                          ContainsSubstring("of the first 200 images are right with it"));
    CHECK(hint(files.config({})).empty());
    CHECK(
        hint(files.config({"evaluation.images=150", "model.preprocessing.mean=[0,0,0]"})).empty());
}

TEST_CASE("another crop is named where it is right 3 points more often") {
    const DemoFiles files(/*large=*/true);
    const std::string crop = fmt::format("model.preprocessing.crop={}", side);
    CHECK_THAT(hint(files.config({"model.preprocessing.resize=64", crop})),
               ContainsSubstring("did you mean model.preprocessing.crop_pct=1?"));
    CHECK(hint(files.config({"model.preprocessing.resize=32", crop})).empty());
}

TEST_CASE("no preprocessing is named that is right as often as guessing") {
    const DemoFiles files;
    CHECK(hint(files.config([](int64_t label) { return (label + 1) % 10; }, {})).empty());
}

TEST_CASE("labels of another order stop a run with their pattern, and nothing is quantized") {
    const DemoFiles files;
    const auto refused = [&](const auto& relabel, const std::string& cause) {
        INFO(cause);
        const LoadedConfig loaded = files.config(relabel, {});
        CHECK_THROWS_AS(run_experiment(loaded, {}), GateError);
        CHECK_THROWS_WITH(run_experiment(loaded, {}),
                          ContainsSubstring(cause) && ContainsSubstring("Nothing was quantized"));
        CHECK_FALSE(fs::exists(loaded.config.output.file));
        CHECK_FALSE(fs::exists(RunJournal::folder_of(loaded.config.output.file)));
    };
    refused([](int64_t label) { return (label + 1) % 10; }, "with every label one lower");
    refused([](int64_t label) { return (label + 9) % 10; }, "with every label one higher");
    // Sorted as text ("0", "1", "10", …) or by another list: a renumbering.
    refused([](int64_t label) { return (3 * label + 1) % 10; },
            "if the classes were numbered otherwise");
    CHECK_NOTHROW(run_experiment(files.config({}), {}));
}
