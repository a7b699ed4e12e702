#include "weights/augreg_vit.hpp"

#include "core/errors.hpp"
#include "support/catch.hpp"
#include "weights/checkpoint.hpp"
#include "weights/checkpoints.hpp"

using namespace comq;
using namespace comq::test;

TEST_CASE("the original ViT's arrays become timm's tensors") {
    const TensorMap arrays = read_checkpoint(checkpoint("augreg_vit.npz"));
    const TensorMap expected = read_checkpoint(checkpoint("augreg_vit_timm.pth"));
    REQUIRE(is_augreg_vit(arrays));
    CHECK_FALSE(is_augreg_vit(expected));
    const TensorMap tensors = tensors_of_augreg_vit(arrays, "vit.npz");
    CHECK(tensors.size() == expected.size());
    for (const auto& [name, tensor] : expected) {
        INFO(name);
        REQUIRE(tensors.contains(name));
        CHECK(tensors.at(name).shape == tensor.shape);
        CHECK(floats(tensors.at(name)) == floats(tensor));
    }
}

TEST_CASE("arrays inside an optimizer's checkpoint are found, its own left out") {
    const TensorMap arrays = read_checkpoint(checkpoint("augreg_vit.npz"));
    TensorMap prefixed{{"opt/state/step", arrays.at("cls")}};
    for (const auto& [name, array] : arrays) prefixed["opt/target/" + name] = array;
    REQUIRE(is_augreg_vit(prefixed));
    CHECK(tensors_of_augreg_vit(prefixed, "w").size() == tensors_of_augreg_vit(arrays, "w").size());
}

TEST_CASE("a ViT with missing, mis-shaped or unknown arrays is refused") {
    const TensorMap whole = read_checkpoint(checkpoint("augreg_vit.npz"));
    const std::string attention = "Transformer/encoderblock_1/MultiHeadDotProductAttention_1/";
    TensorMap arrays = whole;
    arrays.erase(attention + "key/bias");
    CHECK_THROWS_WITH(tensors_of_augreg_vit(arrays, "vit.npz"),
                      ContainsSubstring("vit.npz: array '" + attention + "key/bias' is missing"));
    arrays = whole;
    arrays[attention + "key/kernel"] = whole.at("cls");
    CHECK_THROWS_WITH(tensors_of_augreg_vit(arrays, "vit.npz"),
                      ContainsSubstring("key' doesn't fit the query's"));
    arrays = whole;
    arrays["head/kernel"] = whole.at("cls");
    CHECK_THROWS_WITH(tensors_of_augreg_vit(arrays, "vit.npz"),
                      ContainsSubstring("array 'head/kernel' has shape [1, 1, 6]; 2 dimensions"));
    arrays = whole;
    arrays["conv_root/kernel"] = whole.at("cls");
    CHECK_THROWS_WITH(tensors_of_augreg_vit(arrays, "vit.npz"),
                      ContainsSubstring("'conv_root/kernel' is none of a plain Vision"));
}
