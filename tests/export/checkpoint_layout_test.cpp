#include "export/checkpoint_layout.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "networks/canonical_tensors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

/** Names of a published checkpoint with small tensors, all of their numbers different. */
TensorMap small_checkpoint(const std::string& published) {
    static const nlohmann::json models = nlohmann::json::parse(
        std::ifstream(test::source_dir() / "tests" / "weights" / "data" / "published_names.json"));
    TensorMap tensors;
    float next = 1;
    for (const auto& [name, json] : models.at(published).items()) {
        auto shape = json.get<std::vector<int64_t>>();
        for (int64_t& extent : shape) extent = std::min<int64_t>(extent, 4);
        std::vector<float> values(
            static_cast<std::size_t>(HostTensor{DType::f32, shape, {}}.numel()));
        for (float& value : values) value = next++;
        tensors[name] =
            HostTensor::copy_of<float>(DType::f32, shape, std::span<const float>(values));
    }
    return tensors;
}

std::vector<float> values_of(const HostTensor& tensor) {
    const auto values = tensor.as<float>();
    return {values.begin(), values.end()};
}

/** Each number of each tensor negated. */
TensorMap changed(const TensorMap& tensors) {
    TensorMap result;
    for (const auto& [name, tensor] : tensors) {
        auto values = values_of(tensor);
        for (float& value : values) value = -value;
        result[name] =
            HostTensor::copy_of<float>(DType::f32, tensor.shape, std::span<const float>(values));
    }
    return result;
}

}  // namespace

TEST_CASE("a network goes back into the names and shapes of whatever publisher it is from") {
    for (const auto& [published, family] : std::vector<std::pair<std::string, std::string>>{
             {"timm.regnetx_004", "regnet"},
             {"timm.efficientnet_lite0", "efficientnet_lite"},
             {"timm.mobilenetv2_100", "mobilenet"},
             {"timm.swin_tiny_patch4_window7_224", "swin"},
             {"torchvision.swin_t", "swin"},
             {"torchvision.vit_b_16", "vit"},
             {"torchvision.resnet50", "resnet"},
             {"transformers.resnet50", "resnet"},
             {"transformers.swin_tiny", "swin"},
             {"transformers.deit_tiny_distilled", "deit"}}) {
        INFO(published);
        const TensorMap checkpoint = small_checkpoint(published);
        const Renaming renaming = [&](const TensorMap& tensors) {
            return canonical_tensors(tensors, family, "checkpoint");
        };
        const TensorMap state = changed(renaming(checkpoint));
        const CheckpointTensors back = put_back(checkpoint, state, renaming);
        REQUIRE(back.tensors.size() == checkpoint.size());
        for (const auto& [name, tensor] : checkpoint) {
            INFO(name);
            REQUIRE(back.tensors.contains(name));
            CHECK(back.tensors.at(name).shape == tensor.shape);
        }
        const TensorMap again = renaming(back.tensors);
        REQUIRE(again.size() == state.size());
        for (const auto& [name, tensor] : state) {
            INFO(name);
            CHECK(values_of(again.at(name)) == values_of(tensor));
            CHECK_FALSE(back.origins.at(name).empty());
        }
    }
}

TEST_CASE("query, key and value are told apart as origins, and what is dropped stays") {
    const TensorMap checkpoint = small_checkpoint("transformers.deit_tiny_distilled");
    const Renaming renaming = [](const TensorMap& tensors) {
        return canonical_tensors(tensors, "deit", "checkpoint");
    };
    const CheckpointTensors back = put_back(checkpoint, changed(renaming(checkpoint)), renaming);
    CHECK(back.origins.at("blocks.0.attn.qkv.weight") ==
          std::vector<std::string>{"deit.encoder.layer.0.attention.attention.query.weight",
                                   "deit.encoder.layer.0.attention.attention.key.weight",
                                   "deit.encoder.layer.0.attention.attention.value.weight"});
}

TEST_CASE("what lies below a prefix goes back below it, and what lies outside is left alone") {
    TensorMap checkpoint;
    for (const auto& [name, tensor] : small_checkpoint("timm.regnetx_004")) {
        checkpoint["model." + name] = tensor;
    }
    const float weight = 7;
    checkpoint["loss.weight"] =
        HostTensor::copy_of<float>(DType::f32, {1}, std::span<const float>(&weight, 1));
    const Renaming renaming = [](const TensorMap& tensors) {
        return canonical_tensors(tensors, "regnet", "checkpoint");
    };
    const CheckpointTensors back = put_back(checkpoint, changed(renaming(checkpoint)), renaming);
    CHECK(values_of(back.tensors.at("loss.weight")) == std::vector<float>{7});
    CHECK(values_of(back.tensors.at("model.stem.conv.weight")) ==
          values_of(changed(checkpoint).at("model.stem.conv.weight")));
}

TEST_CASE("positions that were interpolated keep their new size") {
    const TensorMap checkpoint = small_checkpoint("torchvision.vit_b_16");
    const Renaming renaming = [](const TensorMap& tensors) {
        return canonical_tensors(tensors, "vit", "checkpoint");
    };
    TensorMap state = renaming(checkpoint);
    const std::vector<float> positions(40, 0.5F);
    state["pos_embed"] =
        HostTensor::copy_of<float>(DType::f32, {1, 10, 4}, std::span<const float>(positions));
    const CheckpointTensors back = put_back(checkpoint, state, renaming);
    CHECK(back.tensors.at("encoder.pos_embedding").shape == std::vector<int64_t>{1, 10, 4});
    CHECK(values_of(back.tensors.at("encoder.pos_embedding")) == positions);
}
