#include "bench/layout_ratios.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "bench/measurements.hpp"
#include "core/errors.hpp"
#include "core/paths.hpp"
#include "data/loader.hpp"
#include "networks/registry.hpp"
#include "support/python.hpp"

namespace comq::bench {

namespace {

namespace fs = std::filesystem;

std::unique_ptr<ImageSource> open_layout(const std::string& layout, const fs::path& path) {
    DataConfig config;
    config.layout = layout;
    config.evaluation = path;
    return open_image_source(config, Split::evaluation);
}

double reading_seconds(const ImageSource& source) {
    std::vector<int64_t> indices(static_cast<std::size_t>(source.size()));
    std::iota(indices.begin(), indices.end(), 0);
    const auto& preprocessing = find_model("deit_tiny_patch16_224").preprocessing;
    const Stopwatch watch;
    BadImages bad(0);
    for_each_batch(
        {&source, indices, preprocessing, 8}, bad, [](ImageBatch&&) {}, Consume::parallel);
    return watch.seconds();
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

}  // namespace

void measure_layouts(bool quick, nlohmann::ordered_json& figures) {
    const char* assets = std::getenv("COMQ_ASSETS");
    if (assets == nullptr) throw UsageError("the development images are needed: set COMQ_ASSETS");
    const fs::path images = fs::path(assets) / "imagenet" / "val";
    const fs::path folder = fs::temp_directory_path() / fmt::format("comq-shards-{}", ::getpid());
    fs::create_directories(folder);
    const bool made = test::run_python(test::python_with("pyarrow").value_or("python3"),
                                       source_folder() / "tests" / "bench" / "make_shards.py",
                                       images.string() + " " + folder.string());
    const auto folders = open_layout("imagefolder", images);
    reading_seconds(*folders);
    for (const std::string layout : {"webdataset", "parquet"}) {
        if (layout == "parquet" && !made) continue;
        const auto shards =
            open_layout(layout, folder / (layout == "parquet" ? "images.parquet" : "images.tar"));
        std::vector<double> ratios;
        for (int i = 0; i < (quick ? 1 : 9); ++i) {
            const double before = reading_seconds(*folders);
            ratios.push_back(reading_seconds(*shards) / before);
        }
        fmt::print("reading {} photos from {}: {:.2f}x the time of folders\n", shards->size(),
                   layout, median(ratios));
        figures[layout + "_over_folders"] = median(ratios);
    }
    fs::remove_all(folder);
}

}  // namespace comq::bench
