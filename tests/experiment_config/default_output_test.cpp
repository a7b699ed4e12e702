#include "experiment_config/default_output.hpp"

#include "experiment_config/config_files.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

const std::string folder_config =
    "model: {name: x, weights: w.safetensors}\n"
    "data: {root: images, calibration: train, evaluation: val}\n"
    "quantization: {bits: 4}\n";

/** The name of the result that no config names. */
std::string name_of(const std::vector<std::string>& overrides,
                    const std::string& text = folder_config) {
    const fs::path file = load_config_text(text, "a/demo.yaml", overrides).config.output.file;
    CHECK(file.parent_path() == fs::current_path() / "results");
    return file.filename().string();
}

}  // namespace

TEST_CASE("a result is named after the config and what overrides change of the numbers") {
    CHECK(name_of({}) == "demo.h5");
    CHECK(name_of({"quantization.bits=3"}) == "demo-bits3.h5");
    CHECK(name_of({"quantization.order=cyclic", "quantization.bits=3", "seed=1"}) ==
          "demo-seed1-bits3-ordercyclic.h5");
    CHECK(name_of({"quantization={bits: 3, scalar: 0.9}"}) == "demo-bits3-scalar0.9.h5");
    CHECK(name_of({"quantization.bits=2", "quantization.bits=3"}) == "demo-bits3.h5");
    CHECK(name_of({"quantization.average_bits=3"},
                  folder_config + "calibration: {holdout: 64}\n") == "demo-average_bits3.h5");
}

TEST_CASE("what changes no number is not in the name") {
    CHECK(name_of({"quantization.bits=4", "seed=0"}) == "demo.h5");
    CHECK(name_of({"resources.threads=2", "resources.cache=/c", "data.max_bad_images=3",
                   "evaluation.expected_top1=80"}) == "demo.h5");
    CHECK(name_of({"data.root=./images", "data.evaluation=../images/val"}) == "demo.h5");
}

TEST_CASE("words of several keys have their section") {
    CHECK(name_of({"calibration.images=32"}) == "demo-images32.h5");
    CHECK(name_of({"evaluation.images=50"}) == "demo-evaluation_images50.h5");
    CHECK(name_of({"activations.bits=8"}) == "demo-activations_bits8.h5");
}

TEST_CASE("a preset is named, not what it sets") {
    CHECK(name_of({"quantization.preset=authors_code"}) == "demo-presetauthors_code.h5");
    CHECK(name_of({"quantization.preset=authors_code", "quantization.sweeps=4"}) ==
          "demo-presetauthors_code-sweeps4.h5");
    CHECK(name_of({"quantization.preset=paper", "quantization.sweeps=4"}) == "demo.h5");
    const std::string other = folder_config + "calibration: {images: 8}\n";
    CHECK(name_of({"quantization.preset=authors_code", "calibration.images=8"}, other) ==
          "demo-presetauthors_code.h5");
}

TEST_CASE("paths that lead to other content give their stem") {
    CHECK(name_of({"model.weights=/d/deit_tiny.v2.pth"}) == "demo-weightsdeit_tiny.v2.h5");
    CHECK(name_of({"data.evaluation=matched"}) == "demo-evaluationmatched.h5");
    CHECK(name_of({"data.root=/data/imagenet"}) == "demo.h5");
    CHECK(name_of({"model.weights=null"}) == "demo-weightsnull.h5");
}

TEST_CASE("values become plain characters, different ones different names") {
    const std::string colon = name_of({"device=cuda:1"});
    CHECK(colon.starts_with("demo-devicecuda_1_"));
    CHECK(name_of({"model.weights=a b.pth"}) != name_of({"model.weights=a_b.pth"}));
    CHECK(name_of({"model.weights=a b.pth"}) != name_of({"model.weights=a#b.pth"}));
    const std::string layers = name_of({"quantization.layers=[{match: 'blocks.*', bits: 8}]"});
    CHECK(layers.starts_with("demo-layers-"));
    CHECK(layers.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string::npos);
    CHECK(layers != name_of({"quantization.layers=[{match: 'blocks.*', bits: 7}]"}));
}

TEST_CASE("names stay below what a file system takes") {
    std::vector<std::string> many{"seed=1234567890123", "model.weights=" + std::string(120, 'w'),
                                  "data.evaluation=" + std::string(120, 'e'),
                                  "data.calibration=" + std::string(120, 'c')};
    for (const char* word :
         {"calibration.images=1000000", "calibration.selection=first", "calibration.holdout=1000",
          "calibration.transform=train", "quantization.order=greedy_dynamic",
          "quantization.scale_update=none", "quantization.scalar=0.123456789"}) {
        many.emplace_back(word);
    }
    const std::string name = name_of(many);
    CHECK(name.size() < 200);
    many.emplace_back("quantization.bits=2");
    CHECK(name_of(many) != name);
}

TEST_CASE("a file that is named is the file") {
    CHECK(name_of({"output.file=results/mine.h5", "quantization.bits=3"}) == "mine.h5");
    CHECK(name_of({"quantization.bits=3"}, folder_config + "output: {file: results/own.h5}\n") ==
          "own.h5");
}
