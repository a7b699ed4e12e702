#include "networks/load.hpp"

#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "hash_weights.hpp"
#include "networks/families/resnet.hpp"
#include "networks/families/vision_transformer.hpp"
#include "networks/registry.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"

using namespace comq;

namespace {

constexpr VisionTransformerConfig small_vit{
    .dim = 8, .depth = 2, .heads = 2, .image_size = 16, .patch_size = 4, .classes = 5};

/** The hash weights of a network as a checkpoint. */
TensorMap checkpoint_of(Network& network) {
    test::set_hash_weights(network);
    TensorMap tensors;
    for (const auto& [name, tensor] : network.state_dict()) {
        tensors[name] = to_host(tensor.detach().clone());
    }
    return tensors;
}

TensorMap vit_checkpoint(const VisionTransformerConfig& config) {
    return checkpoint_of(*make_vision_transformer(config));
}

std::string refusal(const TensorMap& tensors, const VisionTransformerConfig& config = small_vit) {
    const auto network = make_vision_transformer(config);
    try {
        load_parameters(*network, tensors, "weights.safetensors");
    } catch (const InputError& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("a checkpoint's numbers arrive in the parameters and buffers") {
    const auto source = find_model("demo_cnn").make();
    const TensorMap tensors = checkpoint_of(*source);
    const auto network = find_model("demo_cnn").make();
    load_parameters(*network, tensors, "file");
    const auto loaded = network->state_dict(), original = source->state_dict();
    REQUIRE(loaded.size() == original.size());
    for (std::size_t i = 0; i < loaded.size(); ++i) {
        INFO(loaded[i].first);
        CHECK(torch::equal(loaded[i].second, original[i].second));
    }
}

TEST_CASE("half, bfloat16 and double checkpoints are converted") {
    const TensorMap tensors = vit_checkpoint(small_vit);
    for (const auto type : {torch::kFloat16, torch::kBFloat16, torch::kFloat64}) {
        TensorMap converted;
        for (const auto& [name, tensor] : tensors) {
            converted[name] = to_host(to_torch(tensor).to(type));
        }
        const auto network = make_vision_transformer(small_vit);
        load_parameters(*network, converted, "file");
        const torch::Tensor head = network->named_parameters()["head.weight"];
        CHECK(head.scalar_type() == torch::kFloat32);
        CHECK(torch::equal(head, to_float(converted.at("head.weight"))));
    }
}

TEST_CASE("tensors that follow from the architecture may be there or not") {
    auto source = make_cifar_resnet(8);
    TensorMap tensors = checkpoint_of(*source);
    const auto network = make_cifar_resnet(8);
    REQUIRE(tensors.erase("bn1.num_batches_tracked") == 1);
    tensors["somewhere.relative_position_index"] = to_host(torch::zeros({4, 4}));
    CHECK_NOTHROW(load_parameters(*network, tensors, "file"));
}

TEST_CASE("one error counts and lists what is missing, unexpected and mis-shaped") {
    TensorMap tensors = vit_checkpoint(small_vit);
    for (const char* name : {"norm.bias", "norm.weight", "cls_token", "blocks.0.attn.qkv.bias"}) {
        tensors.erase(name);
    }
    tensors["extra"] = to_host(torch::zeros({1}));
    tensors["blocks.1.mlp.fc1.bias"] = to_host(torch::zeros({3, 2}));
    const std::string message = refusal(tensors);
    CHECK_THAT(message, ContainsSubstring("weights.safetensors"));
    CHECK_THAT(message,
               ContainsSubstring("4 missing (blocks.0.attn.qkv.bias, cls_token, norm.bias, …)"));
    CHECK_THAT(message, ContainsSubstring("1 unexpected (extra)"));
    CHECK_THAT(message, ContainsSubstring(
                            "1 of another shape (blocks.1.mlp.fc1.bias [3, 2] instead of [32])"));
    CHECK(message.find('\n') == std::string::npos);
}

TEST_CASE("weights that a library's own scales belong to are refused by the scale's name") {
    for (const std::string scale :
         {"blocks.0.mlp.fc1.weight_scale_inv", "blocks.0.mlp.fc1.weight_scale",
          "blocks.0.mlp.fc1.scale_weight", "scaled_fp8", "blocks.0.mlp.fc1.SCB"}) {
        TensorMap tensors = vit_checkpoint(small_vit);
        tensors[scale] = to_host(torch::ones({1}));
        CHECK_THAT(refusal(tensors),
                   ContainsSubstring("its weights are quantized and '" + scale + "' scales them"));
    }
}

TEST_CASE("a checkpoint of another variant is refused with the reason") {
    SECTION("distilled") {
        VisionTransformerConfig other = small_vit;
        other.distilled = true;
        CHECK_THAT(refusal(vit_checkpoint(other)), ContainsSubstring("distilled checkpoint"));
        CHECK_THAT(refusal(vit_checkpoint(small_vit), other), ContainsSubstring("not distilled"));
    }
    SECTION("class count") {
        VisionTransformerConfig other = small_vit;
        other.classes = 7;
        CHECK_THAT(refusal(vit_checkpoint(other)),
                   ContainsSubstring("classifier has 7 classes instead of 5"));
    }
    SECTION("resolution") {
        VisionTransformerConfig other = small_vit;
        other.image_size = 32;
        CHECK_THAT(refusal(vit_checkpoint(other)),
                   ContainsSubstring("position embedding has 65 tokens instead of 17"));
    }
    SECTION("size of the family") {
        VisionTransformerConfig other = small_vit;
        other.dim = 16;
        CHECK_THAT(refusal(vit_checkpoint(other)), ContainsSubstring("another size"));
    }
    SECTION("depth") {
        VisionTransformerConfig other = small_vit;
        other.depth = 3;
        CHECK_THAT(refusal(vit_checkpoint(other)), ContainsSubstring("another size"));
        CHECK_THAT(refusal(vit_checkpoint(small_vit), other), ContainsSubstring("another size"));
    }
    SECTION("family") {
        const auto resnet = make_cifar_resnet(8);
        CHECK_THAT(refusal(checkpoint_of(*resnet)), ContainsSubstring("CIFAR ResNet"));
        CHECK_THROWS_WITH(load_parameters(*resnet, vit_checkpoint(small_vit), "file"),
                          ContainsSubstring("a ViT or DeiT"));
        TensorMap unknown;
        unknown["weight"] = to_host(torch::zeros({1}));
        unknown["bias"] = to_host(torch::zeros({1}));
        CHECK_THAT(refusal(unknown),
                   ContainsSubstring("of no publisher known here (they begin with bias, weight;"));
        CHECK_THAT(refusal({}), ContainsSubstring("missing"));
    }
}

TEST_CASE("integers without a scale are refused by name") {
    for (const auto type : {torch::kInt8, torch::kBool, torch::kInt64}) {
        TensorMap tensors = vit_checkpoint(small_vit);
        tensors["head.weight"] = to_host(torch::ones({5, 8}, type));
        CHECK_THAT(refusal(tensors), ContainsSubstring("'head.weight' holds integers (") &&
                                         ContainsSubstring("take the float checkpoint"));
    }
}

TEST_CASE("weights that are not finite are refused by name") {
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
        TensorMap tensors = vit_checkpoint(small_vit);
        torch::Tensor bias = torch::zeros({8});
        bias[3] = bad;
        tensors["norm.bias"] = to_host(bias);
        const std::string message = refusal(tensors);
        CHECK_THAT(message, ContainsSubstring("'norm.bias'"));
        CHECK_THAT(message, ContainsSubstring("NaN or infinite"));
    }
}
