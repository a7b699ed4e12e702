#include "table/made_runs.hpp"

#include <fmt/format.h>

#include <cmath>
#include <fstream>

#include "core/hash.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/load_config.hpp"
#include "results/run_file.hpp"
#include "support/assets.hpp"

namespace comq::test {

namespace fs = std::filesystem;

namespace {

EvaluationRecord evaluation(int64_t right, int64_t images) {
    EvaluationRecord record;
    record.images = images;
    for (int64_t i = 0; i < images; ++i) {
        record.image.push_back(fmt::format("image-{}", i));
        record.label.push_back(3);
        record.prediction.push_back(i < right ? 3 : 4);
        record.in_top5.push_back(1);
    }
    const double share = static_cast<double>(right) / static_cast<double>(images);
    record.top1 = 100 * share;
    record.top5 = 100;
    record.top1_standard_error = 100 * std::sqrt(share * (1 - share) / static_cast<double>(images));
    return record;
}

}  // namespace

RunRecord record_of(const MadeRun& made) {
    const auto configs = source_dir() / "configs";
    const auto loaded =
        load_config(configs / "demo_vit_4bit.yaml", made.overrides, {{}, {configs}});
    RunRecord run;
    run.config = resolved_text(loaded.config);
    run.provenance.seed = loaded.config.seed;
    const auto& weights = loaded.config.model.weights;
    run.provenance.checkpoint = weights.empty() ? "demo_vit.safetensors" : weights.filename();
    run.provenance.checkpoint_sha256 = sha256_hex(made.checkpoint);
    run.provenance.cpu_model = made.cpu;
    run.provenance.threads = 2;
    run.identity = sha256_hex(identity_text(loaded.config) + made.checkpoint);
    run.full_precision = evaluation(95 * made.images / 100, made.images);
    run.stages = {{"calibrate", 1.5}, {"solve", 0.5}, {"solve", 0.25}};
    run.calibration_images = {fmt::format("calibration-{}", loaded.config.seed)};
    if (loaded.config.quantization.method == "none") return run;
    run.quantized = evaluation(made.right, made.images);
    run.agreement = 80;
    LayerRecord layer;
    layer.name = "blocks.0.attn.qkv";
    layer.kind = "linear";
    layer.in_features = 2;
    layer.out_features = 1;
    layer.bits = loaded.config.quantization.bits;
    layer.relative_error = 0.25;
    layer.bit_code = HostTensor::copy_of<uint8_t>(DType::u8, {1, 2}, std::vector<uint8_t>{0, 1});
    layer.scale = HostTensor::copy_of<float>(DType::f32, {1, 1}, std::vector<float>{0.5F});
    layer.zero_point = HostTensor::copy_of<float>(DType::f32, {1, 1}, std::vector<float>{-1.0F});
    run.layers = {layer};
    return run;
}

ResultFile result_of(const fs::path& folder, const std::string& name, const MadeRun& made) {
    write_run_file(folder / name, record_of(made));
    return read_result(folder / name);
}

fs::path file_with(const std::string& name, const std::string& text) {
    const auto file = temporary_folder() / name;
    std::ofstream(file) << text;
    return file;
}

fs::path spec_with(const std::string& text) {
    return file_with("table_test.yaml",
                     "title: A table\nconfig: configs/demo_vit_4bit.yaml\n" + text);
}

}  // namespace comq::test
