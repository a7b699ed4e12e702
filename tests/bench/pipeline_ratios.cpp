#include "bench/pipeline_ratios.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/measurements.hpp"
#include "core/paths.hpp"
#include "core/progress.hpp"
#include "core/threads.hpp"
#include "data/loader.hpp"
#include "experiment/known_names.hpp"
#include "experiment/probe.hpp"
#include "experiment/run_experiment.hpp"
#include "torch_bridge/runtime.hpp"

namespace comq::bench {

namespace {

namespace fs = std::filesystem;

LoadedConfig deit_tiny(int64_t calibration, int64_t evaluation, int threads, const fs::path& file) {
    const auto configs = data_folder() / "configs";
    return load_config(configs / "deit_tiny_4bit.yaml",
                       {fmt::format("calibration.images={}", calibration),
                        fmt::format("evaluation.images={}", evaluation),
                        fmt::format("resources.threads={}", threads), "resources.cache=null",
                        "output.file=" + file.string()},
                       {known_names(), {configs}});
}

struct QuantizationTime {
    double calibrate = 0.0;
    double solve = 0.0;
    double total() const { return calibrate + solve; }
};

QuantizationTime quantize(int64_t images, int threads, const fs::path& folder) {
    const auto config = deit_tiny(images, 8, threads, folder / "run.h5");
    const auto run = run_experiment(config, {Leftover::restart, {}});
    return {stage_seconds(run, "calibrate"), stage_seconds(run, "solve")};
}

/** What one image of DeiT-Tiny costs at least, up to the last quantized layer. */
struct Operations {
    double product_operations = 0.0;  ///< of layers and attention
    double gram_operations = 0.0;     ///< of the triangles
    double elements = 0.0;            ///< of every activation tensor
};

Operations cost_of_an_image(const ExperimentConfig& config) {
    constexpr double depth = 12;
    constexpr double tokens = 197;
    constexpr double dim = 192;
    const Probe probe = probe_run(config);
    Operations cost;
    for (std::size_t i = 0; i < probe.plan.layers.size(); ++i) {
        const QuantizableLayer& layer = *probe.plan.layers[i].entry.layer;
        const auto m = static_cast<double>(layer.in_features());
        const auto rows = static_cast<double>(probe.rows[i]);
        cost.product_operations += 2.0 * rows * m * static_cast<double>(layer.out_features());
        cost.gram_operations += static_cast<double>(layer.groups()) * rows * m * (m + 1);
    }
    // Patch embedding, and both products of each attention, which are no layers of the plan.
    cost.product_operations += 2.0 * (196 * 768 * dim + depth * 2.0 * tokens * tokens * dim);
    // Of a block: two norms, qkv (3), attention, projection, two sums, fc1 (4), GELU (4), fc2.
    cost.elements = depth * tokens * dim * (2 + 3 + 1 + 1 + 2 + 4 + 4 + 1);
    return cost;
}

double decoding_seconds(const ExperimentConfig& config, int64_t images) {
    const auto source = open_image_source(config.data, Split::calibration);
    std::vector<int64_t> indices(static_cast<std::size_t>(images));
    for (int64_t i = 0; i < images; ++i) indices[static_cast<std::size_t>(i)] = i;
    return best_seconds(2, [&] {
        BadImages bad(0);
        for_each_batch(
            {source.get(), indices, find_model(config.model.name).preprocessing, 8}, bad,
            [](ImageBatch&&) {}, Consume::parallel);
    });
}

/** A run, and what the machine could have done it in when it ran. */
struct AgainstFloor {
    QuantizationTime time;
    double product_rate;  ///< operations a second
    double element_rate;  ///< a second
    double decoding;      ///< seconds
    double floor;         ///< seconds
    double ratio() const { return time.total() / floor; }
};

AgainstFloor measure_once(int64_t images, int threads, const Operations& cost,
                          const fs::path& folder) {
    const auto product_rate = [&] { return layer_product_rate(192, 768, threads); };
    const auto elements = [&] { return element_rate(micro_batch_rows * 768, threads); };
    AgainstFloor measured{};
    measured.product_rate = 0.5 * product_rate();
    measured.element_rate = 0.5 * elements();
    measured.time = quantize(images, threads, folder);
    measured.product_rate += 0.5 * product_rate();
    measured.element_rate += 0.5 * elements();
    measured.decoding =
        decoding_seconds(deit_tiny(images, 8, threads, folder / "run.h5").config, images);
    measured.floor = static_cast<double>(images) *
                         ((cost.product_operations + cost.gram_operations) / measured.product_rate +
                          cost.elements / measured.element_rate) +
                     measured.decoding;
    return measured;
}

/**
 * What else runs on a shared machine changes its rates within seconds, so they are measured anew
 * before and after every run, and the run of median ratio counts.
 */
void against_floor(bool quick, int threads, const fs::path& folder,
                   nlohmann::ordered_json& figures) {
    const Operations cost = cost_of_an_image(deit_tiny(64, 8, threads, folder / "run.h5").config);
    fmt::print(
        "\nDeiT-Tiny, calibration and solving on {} threads; the floor is products, one "
        "element-wise pass an activation and decoding\n",
        threads);
    fmt::print("{:>8}{:>14}{:>11}{:>19}{:>15}{:>14}{:>11}{:>13}\n", "images", "calibrate, s",
               "solve, s", "products, GFLOP/s", "elements, G/s", "decoding, s", "floor, s",
               "over floor");
    for (const int64_t images : {64, 448}) {
        if (quick && images > 64) break;
        std::vector<AgainstFloor> runs;
        const int repeats = quick ? 1 : images == 64 ? 9 : 3;
        for (int i = 0; i < repeats; ++i) {
            runs.push_back(measure_once(images, threads, cost, folder));
        }
        std::ranges::sort(runs, {}, &AgainstFloor::ratio);
        const AgainstFloor& median = runs[runs.size() / 2];
        fmt::print("{:>8}{:>14.2f}{:>11.2f}{:>19.0f}{:>15.2f}{:>14.2f}{:>11.2f}{:>13.2f}\n", images,
                   median.time.calibrate, median.time.solve, median.product_rate * 1e-9,
                   median.element_rate * 1e-9, median.decoding, median.floor, median.ratio());
        figures[fmt::format("quantize_seconds_{}_images", images)] = median.time.total();
        figures[fmt::format("pipeline_over_floor_{}_images", images)] = median.ratio();
        if (images == 64) figures["pipeline_over_floor"] = median.ratio();
    }
    const auto single = quantize(64, 1, folder);
    const double speedup = single.total() / figures["quantize_seconds_64_images"].get<double>();
    fmt::print("one thread: {:.2f} s, so {} threads are {:.2f}x as fast\n", single.total(), threads,
               speedup);
    figures["pipeline_speedup_2_threads"] = speedup;
}

void memory_growth(const fs::path& programs, const fs::path& folder,
                   nlohmann::ordered_json& figures) {
    const auto peak = [&](int64_t images) {
        return static_cast<double>(
            peak_memory_of({(programs / "run_experiment").string(), "configs/deit_tiny_4bit.yaml",
                            fmt::format("calibration.images={}", images), "evaluation.images=16",
                            "resources.cache=null", "--quiet", "--restart",
                            "--output=" + (folder / "memory.h5").string()}));
    };
    const double few = peak(64);
    const double many = peak(448);
    fmt::print("peak memory: {:.0f} MB with 64 images, {:.0f} MB with 448 ({:.3f}x)\n", few * 1e-6,
               many * 1e-6, many / few);
    figures["peak_memory_64_images"] = few;
    figures["memory_growth_64_to_448_images"] = many / few;
}

void evaluation_rate(int threads, const fs::path& folder, nlohmann::ordered_json& figures) {
    constexpr int64_t images = 500;
    auto config = deit_tiny(64, images, threads, folder / "evaluation.h5");
    config.config.quantization.method = "none";
    double seconds = 1e9;
    for (int i = 0; i < 2; ++i) {
        const auto run = run_experiment(config, {Leftover::restart, {}});
        seconds = std::min(seconds, stage_seconds(run, "evaluate full precision"));
    }
    fmt::print("evaluation of {} photos, decoding included: {:.1f} images/s\n", images,
               images / seconds);
    figures["evaluation_images_per_second"] = images / seconds;
}

}  // namespace

void measure_pipeline(bool quick, const fs::path& programs, nlohmann::ordered_json& figures) {
    Progress::set_quiet(true);
    const fs::path folder = fs::temp_directory_path() / fmt::format("comq-bench-{}", ::getpid());
    fs::create_directories(folder);
    const int threads = thread_count();  // a run changes it
    against_floor(quick, threads, folder, figures);
    evaluation_rate(threads, folder, figures);
    memory_growth(programs, folder, figures);
    fs::remove_all(folder);
}

}  // namespace comq::bench
