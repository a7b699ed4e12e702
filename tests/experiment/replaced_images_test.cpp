// Runs on images of a folder that are replaced by others of the same names and sizes.
#include "core/errors.hpp"
#include "core/random.hpp"
#include "data/dataset_files.hpp"
#include "experiment/runs.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** Ten classes of two PPMs of noise, whose size depends on nothing but their dimensions. */
void write_noise(const fs::path& folder, uint64_t seed) {
    const RandomStream stream(seed, "noise");
    uint64_t counter = 0;
    for (int image = 0; image < 20; ++image) {
        std::string bytes = "P6 32 32 255\n";
        for (int i = 0; i < 3 * 32 * 32; ++i) {
            bytes.push_back(static_cast<char>(stream.below(counter++, 256)));
        }
        test::write_text(folder / std::to_string(image % 10) / (std::to_string(image) + ".ppm"),
                         bytes);
    }
}

class NoiseRuns {
  public:
    LoadedConfig config(const std::string& result,
                        const std::vector<std::string>& further = {}) const {
        std::vector<std::string> overrides{
            "data.layout=imagefolder", "data.root=" + images().string(), "data.calibration=.",
            "data.evaluation=.",       "calibration.images=8",           "calibration.holdout=0",
            "evaluation.images=all",   "evaluation.allow_chance=true",   "quantization.method=rtn"};
        overrides.insert(overrides.end(), further.begin(), further.end());
        auto loaded = test::shipped_config("demo_cnn_4bit", folder_, overrides);
        loaded.config.resources.cache = folder_ / "cache";
        loaded.config.output.file = folder_ / result;
        return loaded;
    }
    RunRecord run(const std::string& result, const std::vector<std::string>& further = {}) const {
        return run_experiment(config(result, further), {});
    }
    fs::path images() const { return folder_ / "images"; }

  private:
    fs::path folder_ = test::temporary_folder();
};

}  // namespace

TEST_CASE("a cache of other images of the same names and sizes is not taken") {
    const NoiseRuns runs;
    write_noise(runs.images(), 1);
    const RunRecord old = runs.run("old.h5");
    write_noise(runs.images(), 2);
    const RunRecord cached = runs.run("new.h5");
    const RunRecord fresh = test::run_shipped(
        "demo_cnn_4bit", test::temporary_folder(),
        {"data.layout=imagefolder", "data.root=" + runs.images().string(), "data.calibration=.",
         "data.evaluation=.", "calibration.images=8", "calibration.holdout=0",
         "evaluation.images=all", "evaluation.allow_chance=true", "quantization.method=rtn"});
    CHECK(cached.identity == fresh.identity);
    CHECK(cached.identity != old.identity);
    CHECK(cached.full_precision->prediction == fresh.full_precision->prediction);
}

TEST_CASE("a run is not resumed, nor taken for finished, with other images of the same names") {
    const NoiseRuns runs;
    write_noise(runs.images(), 1);
    const auto begun = runs.config("begun.h5");
    const std::vector<double> some{1.0};
    test::new_journal(begun).store_tensors(
        TensorSet::sensitivities, {{"unit", HostTensor::copy_of<double>(DType::f64, {1}, some)}});
    write_noise(runs.images(), 2);
    CHECK_THROWS_WITH(
        run_experiment(begun, {Leftover::resume, {}}),
        ContainsSubstring("calibration images") && ContainsSubstring("evaluation images"));

    const RunRecord first = runs.run("done.h5");
    CHECK(run_experiment(runs.config("done.h5"), {Leftover::resume, {}}).identity ==
          first.identity);
    write_noise(runs.images(), 3);
    CHECK_THROWS_WITH(run_experiment(runs.config("done.h5"), {Leftover::resume, {}}),
                      ContainsSubstring("done.h5: holds another run (other images"));

    // The old images again are the old run again.
    write_noise(runs.images(), 1);
    CHECK_NOTHROW(run_experiment(begun, {Leftover::resume, {}}));
}

TEST_CASE("an evaluation without a readable image is an error") {
    const NoiseRuns runs;
    write_noise(runs.images(), 1);
    for (const auto& entry : fs::recursive_directory_iterator(runs.images())) {
        if (entry.is_regular_file()) test::write_text(entry.path(), "");
    }
    for (const char* method : {"quantization.method=rtn", "quantization.method=none"}) {
        const auto config = runs.config("bad.h5", {"data.max_bad_images=50", method});
        CHECK_THROWS_WITH(run_experiment(config, {}),
                          ContainsSubstring("data.evaluation: none of the 20 images can be read") &&
                              ContainsSubstring(".ppm: the image file is empty"));
        CHECK_FALSE(fs::exists(config.config.output.file));
    }
}
