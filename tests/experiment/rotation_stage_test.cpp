#include <algorithm>

#include "evaluation/evaluate.hpp"
#include "experiment/restore_network.hpp"
#include "experiment/runs.hpp"
#include "experiment/setup.hpp"
#include "passes/pass_over.hpp"
#include "results/figures.hpp"
#include "results/run_file.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

std::vector<std::string> two_bits(std::vector<std::string> more) {
    more.insert(more.begin(), {"calibration.images=64", "calibration.holdout=32",
                               "evaluation.images=100", "quantization.bits=2"});
    return more;
}

}  // namespace

TEST_CASE("the rotation whose held-out predictions stay closest is taken, and is in the result") {
    const auto folder = test::temporary_folder();
    const auto keys =
        two_bits({"rotation.residual=true", "rotation.values=true", "rotation.seeds=3"});
    const auto run = test::run_shipped("demo_vit_4bit", folder, keys);
    REQUIRE(run.rotations.size() == 3);
    const auto least = std::ranges::min_element(run.rotations, {}, &RotationRecord::kl);
    CHECK(least->kl > 0.0);
    CHECK(run.rotations[0].kl != run.rotations[1].kl);
    CHECK(run.parameters.contains("pos_embed"));
    CHECK(run.parameters.contains("blocks.0.norm1.weight"));
    CHECK_FALSE(run.parameters.contains("blocks.0.attn.qkv.weight"));  // has codes

    // The network that the file describes predicts as the run did.
    const auto file = (folder / "demo_vit_4bit.h5").string();
    const auto record = read_run_file(file, ReadScope::everything);
    const auto restored = restore_network(record, file);
    const auto loaded = test::shipped_config("demo_vit_4bit", folder, keys);
    const auto images = open_images(loaded.config);
    BadImages bad(0);
    auto pass = test::pass_over(*images.evaluation_source, "demo_vit", 8, bad);
    Progress progress("test", "images", 1);
    const auto predictions = evaluate(*restored.network, pass.over(images.evaluation), progress);
    CHECK(predictions.prediction == record.quantized->prediction);
    auto threads = keys;
    threads.emplace_back("resources.threads=1");
    const auto one = test::run_shipped("demo_vit_4bit", test::temporary_folder(), threads);
    CHECK(one.quantized->kl == run.quantized->kl);
}

TEST_CASE("a rotation alone changes no prediction worth naming") {
    const auto run =
        test::run_shipped("demo_vit_4bit", test::temporary_folder(),
                          {"calibration.images=64", "evaluation.images=100", "quantization.bits=8",
                           "quantization.method=rtn", "rotation.residual=true",
                           "rotation.values=true", "rotation.query_key=true"});
    CHECK(find_figure("kl")->value(run) < 1e-3);
    CHECK(*run.agreement >= 99.0);
}

TEST_CASE("the share of the equalization whose held-out predictions stay closest is taken") {
    const auto folder = test::temporary_folder();
    const auto keys = two_bits({"rotation.equalization=true", "rotation.seeds=3",
                                "quantization.method=rtn", "quantization.bits=3"});
    const auto run = test::run_shipped("demo_cnn_4bit", folder, keys);
    REQUIRE(run.rotations.size() == 3);
    CHECK(run.rotations[0].kl != run.rotations[1].kl);
    CHECK(run.rotations[0].kl != run.rotations[2].kl);
    // With the share 0 it is the network as it was.
    const auto plain = test::run_shipped(
        "demo_cnn_4bit", test::temporary_folder(),
        two_bits({"quantization.method=rtn", "quantization.bits=3", "rotation.seeds=1"}));
    const auto least = std::ranges::min_element(run.rotations, {}, &RotationRecord::kl);
    if (least->trial == 0) {
        CHECK(run.quantized->prediction == plain.quantized->prediction);
    } else {
        CHECK(run.parameters.contains("layer1.0.bn1.weight"));
    }
}

TEST_CASE("what a choice of rotations needs is said") {
    const auto refused = [](std::vector<std::string> keys) {
        return test::run_shipped("demo_vit_4bit", test::temporary_folder(), std::move(keys));
    };
    CHECK_THROWS_WITH(
        refused({"rotation.residual=true", "rotation.seeds=2"}),
        ContainsSubstring("rotation.seeds") && ContainsSubstring("calibration.holdout"));
    CHECK_THROWS_WITH(refused({"rotation.seeds=2"}), ContainsSubstring("nothing to rotate"));
    CHECK_THROWS_WITH(
        test::run_shipped("demo_cnn_4bit", test::temporary_folder(), {"rotation.values=true"}),
        ContainsSubstring("no ViT or Swin transformer of timm's structure"));
}
