#include "bench/forward_ratios.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/measurements.hpp"
#include "core/paths.hpp"
#include "core/progress.hpp"
#include "experiment/known_names.hpp"
#include "experiment/run_experiment.hpp"

namespace comq::bench {

namespace {

namespace fs = std::filesystem;

double images_per_second(const std::string& name, const fs::path& weights, int64_t images) {
    const fs::path file = weights.parent_path() / (name + ".h5");
    const auto configs = data_folder() / "configs";
    const auto config = load_config(
        configs / "squeezenet_4bit.yaml",
        {"model.name=" + name, "model.weights=" + weights.string(), "quantization.method=none",
         "evaluation.allow_chance=true", fmt::format("evaluation.images={}", images),
         "resources.cache=null", "output.file=" + file.string()},
        {known_names(), {configs}});
    const auto run = run_experiment(config, {Leftover::restart, {}});
    return static_cast<double>(images) / stage_seconds(run, "evaluate full precision");
}

}  // namespace

void measure_forwards(bool quick, const fs::path& networks, nlohmann::ordered_json& figures) {
    Progress::set_quiet(true);
    // Fewer than 200 images: no other preprocessing is tried on them.
    const int64_t images = quick ? 32 : 192;
    fmt::print("\nEvaluation with decoding\n{:<24}{:>12}\n", "network", "images/s");
    for (const char* name :
         {"deit_tiny_patch16_224", "vit_base_patch16_224", "resnet50", "mobilenet_v2"}) {
        double best = 0.0;
        for (int i = 0; i < (quick ? 1 : 3); ++i) {
            best = std::max(
                best,
                images_per_second(name, networks / fmt::format("{}.safetensors", name), images));
        }
        fmt::print("{:<24}{:>12.1f}\n", name, best);
        figures[fmt::format("evaluation_images_per_second_{}", name)] = best;
    }
}

}  // namespace comq::bench
