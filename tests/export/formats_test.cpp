#include <algorithm>
#include <nlohmann/json.hpp>

#include "export/workplace.hpp"
#include "results/run_file.hpp"
#include "storage/safetensors.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("packed Linear layers are read back to equal bits by compressed-tensors") {
    COMQ_NEED_EXPORTS();
    const test::Workplace place;
    REQUIRE(
        place.experiment("demo_vit_4bit.yaml", "run.h5",
                         {"evaluation.images=50", "calibration.images=8", "quantization.method=rtn",
                          "quantization.bits=3", "quantization.granularity=per_group",
                          "quantization.group_size=32"}) == 0);
    REQUIRE(place.run("export_model", {place.file("run.h5"), "-o", place.file("packed"), "--format",
                                       "compressed-tensors"}) == 0);
    REQUIRE(place.run("export_model",
                      {place.file("run.h5"), "-o", place.file("net.safetensors")}) == 0);
    CHECK(test::check_with_python("check_compressed.py",
                                  {place.file("packed"), place.file("net.safetensors"), "15"},
                                  place.folder / "log"));
}

TEST_CASE("PyTorch's networks take the names of comq's families") {
    COMQ_NEED_EXPORTS();
    CHECK(test::check_with_python("check_families.py", {}, test::temporary_folder() / "log"));
}

TEST_CASE("a checkpoint says bits and scales, as .pth it is one of PyTorch, as .pt2 a program") {
    COMQ_NEED_EXPORTS();
    const test::Workplace place;
    REQUIRE(place.experiment("demo_cnn_4bit.yaml", "run.h5",
                             {"evaluation.images=100", "calibration.images=16",
                              "repair.bias_correction=true"}) == 0);
    for (const char* name : {"net.safetensors", "net.pth", "net.pt2"}) {
        const int code = place.run("export_model", {place.file("run.h5"), "-o", place.file(name)});
        INFO(place.log());
        REQUIRE(code == 0);
    }
    CHECK(test::check_with_python("check_checkpoint.py",
                                  {place.file("net.pth"), place.file("net.safetensors")},
                                  place.folder / "log"));
    const auto run = read_run_file(place.folder / "run.h5", ReadScope::everything);
    const auto exported = read_safetensors(place.folder / "net.safetensors");
    CHECK(exported.metadata.at("checkpoint_sha256") == run.provenance.checkpoint_sha256);
    const auto said = nlohmann::json::parse(exported.metadata.at("quantization"));
    for (const LayerRecord& layer : run.layers) {
        INFO(layer.name);
        CHECK(said.at(layer.name).at("bits") == layer.bits);
        const auto scale = said.at(layer.name).at("scale").get<std::vector<float>>();
        CHECK(std::ranges::equal(scale, layer.scale.as<float>()));
        CHECK(said.at(layer.name).at("tensors") == std::vector{layer.name + ".weight"});
    }

    REQUIRE(place.experiment(
                "demo_cnn_4bit.yaml", "program.h5",
                {"evaluation.images=100", "quantization.method=none", "model.name=null",
                 "model.program=" + place.file("net.pt2"), "evaluation.expected_top1=null"}) == 0);
    const auto program = read_run_file(place.folder / "program.h5", ReadScope::summary);
    CHECK(program.full_precision->prediction == run.quantized->prediction);
}

TEST_CASE("a format under another one's extension is refused, as is what it does not have") {
    const test::Workplace place;
    REQUIRE(place.experiment(
                "demo_cnn_4bit.yaml", "run.h5",
                {"evaluation.images=50", "calibration.images=8", "quantization.method=rtn"}) == 0);
    const auto refused = [&](std::vector<std::string> words) {
        words.insert(words.begin(), place.file("run.h5"));
        CHECK(place.run("export_model", words) == 2);
        return place.log();
    };
    CHECK_THAT(refused({"-o", place.file("a.pth"), "--format", "safetensors"}),
               ContainsSubstring("would be taken for pth"));
    CHECK_THAT(refused({"-o", place.file("a.weights")}), ContainsSubstring("add --format"));
    CHECK_THAT(refused({"-o", place.file("a.safetensors"), "--verify", "5"}),
               ContainsSubstring("no runtime executes"));
    CHECK_THAT(refused({"-o", place.file("a.pt2"), "--linear", "matmulnbits"}),
               ContainsSubstring("no such operator"));
    CHECK_THAT(refused({"-o", place.file("a.onnx"), "--format", "tflite"}),
               ContainsSubstring("--format"));
    CHECK_FALSE(fs::exists(place.folder / "a.pth"));
}
