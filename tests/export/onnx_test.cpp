#include <cmath>
#include <nlohmann/json.hpp>

#include "export/verify.hpp"
#include "export/workplace.hpp"
#include "networks/exported_programs.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** What export_model --json says of an ONNX file that it writes and runs on some images. */
nlohmann::json exported_to_onnx(const test::Workplace& place,
                                const std::vector<std::string>& wishes) {
    std::vector<std::string> words{place.file("run.h5"), "-o", place.file("net.onnx"), "--json"};
    words.insert(words.end(), wishes.begin(), wishes.end());
    const int code = place.run("export_model", words);
    INFO(place.log());
    REQUIRE(code == 0);
    const std::string log = place.log();
    return nlohmann::json::parse(log.substr(log.find('{')));
}

/** The weights in the file are those of the float checkpoint, to `tolerance` of the largest. */
void check_weights(const test::Workplace& place, const std::string& tolerance) {
    REQUIRE(place.run("export_model",
                      {place.file("run.h5"), "-o", place.file("net.safetensors")}) == 0);
    CHECK(test::check_with_python(
        "check_onnx.py", {place.file("net.onnx"), place.file("net.safetensors"), tolerance},
        place.folder / "log"));
}

}  // namespace

TEST_CASE("codes of every width, grid and layout become their weights in ONNX Runtime") {
    COMQ_NEED_EXPORTS();
    const auto log = test::temporary_folder() / "log";
    CHECK(test::check_with_python("check_weights.py", {}, log));
    CHECK_THAT(test::text_of(log), ContainsSubstring("126 cases"));
}

TEST_CASE("convolutions of 3 bits, folded and repaired, run in ONNX Runtime as in comq") {
    COMQ_NEED_EXPORTS();
    const test::Workplace place;
    REQUIRE(place.experiment(
                "demo_cnn_4bit.yaml", "run.h5",
                {"evaluation.images=200", "calibration.images=32", "calibration.holdout=16",
                 "quantization.bits=3", "repair.fold_batch_norm=true",
                 "repair.bias_correction=true", "repair.norm_refit=true"}) == 0);
    const auto said = exported_to_onnx(place, {"--verify", "200"});
    CHECK(said["opset"] == 21);
    CHECK(said["operators"] == nlohmann::json{{"DequantizeLinear", 13}});
    CHECK(said["verification"]["images"] == 200);
    CHECK(said["verification"]["top1"] == said["verification"]["runtime_top1"]);
    CHECK(said["verification"]["agreement"] == said["verification"]["runtime_agreement"]);
    CHECK(said["verification"]["largest_logit_difference"] < 1e-3);
    // Whole zero points are zero points: every bit is the same.
    check_weights(place, "0");
}

TEST_CASE("Linear layers of 2 bits with real zero points run by MatMulNBits") {
    COMQ_NEED_EXPORTS();
    const test::Workplace place;
    REQUIRE(place.experiment(
                "demo_vit_4bit.yaml", "run.h5",
                {"evaluation.images=100", "calibration.images=16", "quantization.method=comq_plus",
                 "quantization.bits=2", "quantization.zero_point=real"}) == 0);
    const auto by_operator =
        exported_to_onnx(place, {"--linear", "matmulnbits", "--verify", "100"});
    CHECK(by_operator["operators"] == nlohmann::json{{"MatMulNBits", 20}});
    CHECK(by_operator["verification"]["top1"] == by_operator["verification"]["runtime_top1"]);
    CHECK(by_operator["verification"]["largest_logit_difference"] < 1e-3);
}

TEST_CASE("groups of inputs, rounded inputs and a program's layouts run in ONNX Runtime") {
    COMQ_NEED_EXPORTS();
    COMQ_NEED_PROGRAMS(programs);
    const test::Workplace place;
    REQUIRE(place.experiment(
                "demo_vit_4bit.yaml", "run.h5",
                {"model.name=null", "model.program=" + (programs / "products.pt2").string(),
                 "evaluation.images=60", "evaluation.expected_top1=null",
                 "evaluation.allow_chance=true", "calibration.images=16", "quantization.bits=2",
                 "quantization.granularity=per_group", "quantization.group_size=16",
                 "activations.bits=8", "activations.granularity=per_tensor"}) == 0);
    INFO(place.log());
    const auto said = exported_to_onnx(place, {"--verify"});
    CHECK(said["opset"] == 25);
    CHECK(said["verification"]["images"] == 60);
    // A value between two levels may be rounded to either, which moves few logits and little.
    CHECK(std::abs(said["verification"]["top1"].get<double>() -
                   said["verification"]["runtime_top1"].get<double>()) <= 0.1);
}

TEST_CASE("an exported network is refused whose Top-1 is more than 0.1 points off, either way") {
    Verification found;
    found.images = 2000;
    found.top1 = 80;
    found.runtime = "ONNX Runtime";
    for (const double same : {79.95, 80.0, 80.05}) {
        found.runtime_top1 = same;
        CHECK_NOTHROW(found.check("net.onnx"));
    }
    for (const double other : {79.85, 80.15}) {
        found.runtime_top1 = other;
        CHECK_THROWS_WITH(found.check("net.onnx"),
                          ContainsSubstring("net.onnx: its Top-1 is") &&
                              ContainsSubstring("comq's is 80.00% on the same 2000 images"));
    }
}
