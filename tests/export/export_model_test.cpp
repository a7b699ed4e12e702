#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/child_process.hpp"
#include "export/workplace.hpp"
#include "results/run_file.hpp"
#include "storage/safetensors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

const fs::path check_export = test::source_dir() / "tests" / "export" / "check_export.py";

/** The words behind /usr/bin/env that start a Python with PyTorch and Pillow: $COMQ_PYTHON,
 * python3, or one of the system's with the PyTorch that comq is built with; none: there is no such.
 */
std::vector<std::string> python_with_torch() {
    const char* chosen = std::getenv("COMQ_PYTHON");
    const std::string ours = std::string("PYTHONPATH=") + COMQ_TORCH_SITE;
    for (std::vector<std::string> words :
         std::vector<std::vector<std::string>>{{chosen != nullptr ? chosen : "python3"},
                                               {ours, "python3"},
                                               {ours, "/usr/bin/python3"}}) {
        auto command = words;
        command.insert(command.begin(), "/usr/bin/env");
        command.insert(command.end(), {check_export.string(), "--available"});
        if (ChildProcess(command, "/dev/null").wait() == 0) return words;
    }
    return {};
}

}  // namespace

TEST_CASE("an exported network evaluates to what its run measured") {
    const test::Workplace place;
    REQUIRE(place.experiment("demo_cnn_4bit.yaml", "run.h5",
                             {"evaluation.images=300", "calibration.images=32",
                              "calibration.holdout=16", "quantization.bits=3",
                              "repair.fold_batch_norm=true", "repair.bias_correction=true",
                              "repair.output_refit=true", "repair.norm_refit=true"}) == 0);
    INFO(place.log());
    REQUIRE(place.run("export_model",
                      {place.file("run.h5"), "-o", place.file("model.safetensors")}) == 0);
    const auto run = read_run_file(place.folder / "run.h5", ReadScope::everything);
    const auto exported = read_safetensors(place.folder / "model.safetensors");
    CHECK(exported.metadata.at("model") == "demo_cnn");
    CHECK(exported.metadata.at("identity") == run.identity);
    CHECK_FALSE(run.parameters.empty());

    // W = scale · (bit_code + zero_point), for the first weight of each output channel.
    for (const LayerRecord& layer : run.layers) {
        INFO(layer.name);
        const HostTensor& weight = exported.tensors.at(layer.name + ".weight");
        REQUIRE(weight.numel() == layer.bit_code.numel());
        for (int64_t out = 0; out < layer.out_features; ++out) {
            const auto row = static_cast<std::size_t>(out);
            const auto first = static_cast<std::size_t>(out * layer.in_features);
            const float code = layer.bit_code.as<uint8_t>()[first];
            CHECK(weight.as<float>()[first] ==
                  layer.scale.as<float>()[row] * (code + layer.zero_point.as<float>()[row]));
        }
    }

    REQUIRE(place.experiment("demo_cnn_4bit.yaml", "float.h5",
                             {"evaluation.images=300", "quantization.method=none",
                              "model.weights=" + place.file("model.safetensors")}) == 0);
    const auto evaluated = read_run_file(place.folder / "float.h5", ReadScope::summary);
    CHECK_FALSE(evaluated.quantized.has_value());
    CHECK(evaluated.full_precision->prediction == run.quantized->prediction);
    CHECK(evaluated.full_precision->top1 == run.quantized->top1);
}

TEST_CASE("export_model refuses another checkpoint and what is no run") {
    const test::Workplace place;
    REQUIRE(place.experiment(
                "demo_cnn_4bit.yaml", "run.h5",
                {"evaluation.images=100", "calibration.images=8", "quantization.method=rtn"}) == 0);
    const auto other = test::source_dir() / "datasets" / "demo" / "demo_vit.safetensors";
    CHECK(place.run("export_model", {place.file("run.h5"), "-o", place.file("out.safetensors"),
                                     "--weights", other.string()}) == 3);
    CHECK_FALSE(fs::exists(place.folder / "out.safetensors"));
    CHECK(place.run("export_model", {other.string(), "-o", place.file("out.safetensors")}) == 3);
    CHECK_THAT(place.log(), ContainsSubstring("error: ") && ContainsSubstring("demo_vit"));
}

TEST_CASE("Python loads an exported DeiT-Tiny strictly and predicts the same") {
    COMQ_NEED_ASSETS(assets);
    auto command = python_with_torch();
    if (command.empty()) {
        test::skip("python", "Python with PyTorch and Pillow");
        return;
    }
    const test::Workplace place;
    const auto images = assets / "imagenet";
    REQUIRE(
        place.experiment(
            "deit_tiny_4bit.yaml", "run.h5",
            {"calibration.images=8", "evaluation.images=24", "quantization.method=rtn",
             "quantization.bits=4", "evaluation.expected_top1=null", "data.root=" + images.string(),
             "model.weights=" +
                 (assets / "weights" / "deit_tiny_patch16_224.safetensors").string()}) == 0);
    REQUIRE(place.run("export_model",
                      {place.file("run.h5"), "-o", place.file("model.safetensors")}) == 0);
    const auto run = read_run_file(place.folder / "run.h5", ReadScope::summary);
    std::ofstream list(place.folder / "predictions.txt");
    for (std::size_t i = 0; i < run.quantized->image.size(); ++i) {
        list << (images / "val" / run.quantized->image[i]).string() << '\t'
             << run.quantized->prediction[i] << '\t' << run.quantized->label[i] << '\n';
    }
    list.close();
    command.insert(command.begin(), "/usr/bin/env");
    command.insert(command.end(), {check_export.string(), place.file("model.safetensors"),
                                   place.file("predictions.txt")});
    const int status = ChildProcess(command, place.folder / "log").wait();
    INFO(place.log());
    CHECK(status == 0);
}
