// Key maps of the families, against the names that publishers' libraries list.

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "networks/families/families.hpp"
#include "networks/load.hpp"
#include "support/catch.hpp"
#include "weights/checkpoint.hpp"
#include "weights/checkpoints.hpp"
#include "weights/tensor_names.hpp"

using namespace comq;
using namespace comq::test;

namespace {

/** Names and shapes of a model's weights in data/published_names.json, as tensors without data. */
TensorMap published(const std::string& library_and_model) {
    static const nlohmann::json models =
        nlohmann::json::parse(std::ifstream(checkpoint("published_names.json")));
    TensorMap tensors;
    for (const auto& [name, shape] : models.at(library_and_model).items()) {
        tensors[name].shape = shape.get<Shape>();
    }
    return tensors;
}

std::map<std::string, Shape> shapes_of(const TensorMap& tensors) {
    std::map<std::string, Shape> shapes;
    for (const auto& [name, tensor] : tensors) shapes[name] = tensor.shape;
    return shapes;
}

}  // namespace

TEST_CASE("every publisher's names become the canonical ones, shape by shape") {
    struct Case {
        std::string family;
        std::string publisher;
        std::string canonical;
    };
    const std::vector<Case> cases{
        {"swin", "timm.swin_tiny_patch4_window7_224", "timm06.swin_tiny_patch4_window7_224"},
        {"mobilenet", "timm.mobilenetv2_100", "torchvision.mobilenet_v2"},
        {"efficientnet_lite", "timm.efficientnet_lite0", "efficientnet_lite_pytorch.lite0"},
        {"efficientnet_lite", "timm.efficientnet_lite1", "efficientnet_lite_pytorch.lite1"},
    };
    for (const Case& c : cases) {
        INFO(c.publisher);
        const auto canonical = shapes_of(published(c.canonical));
        REQUIRE(canonical.size() > 40);
        CHECK(shapes_of(canonical_tensors(published(c.publisher), c.family, "w")) == canonical);
        CHECK(shapes_of(canonical_tensors(published(c.canonical), c.family, "w")) == canonical);
    }
}

TEST_CASE("timm's RegNet names become torchvision's") {
    // Names alone: timm's RegNetX-400MF ends in 384 channels, torchvision's in 400.
    const TensorMap renamed = canonical_tensors(published("timm.regnetx_004"), "regnet", "w");
    CHECK(names_of(renamed) == names_of(published("torchvision.regnet_x_400mf")));
    CHECK(renamed.at("trunk_output.block1.block1-0.f.b.0.weight").shape == Shape{32, 16, 3, 3});
    CHECK(renamed.at("trunk_output.block2.block2-0.proj.0.weight").shape == Shape{64, 32, 1, 1});
}

TEST_CASE("Swin's buffers are dropped") {
    const TensorMap tensors =
        named({"layers.0.blocks.0.attn.qkv.weight", "layers.0.blocks.1.attn_mask",
               "layers.0.blocks.0.attn.relative_position_index"});
    CHECK(names_of(canonical_tensors(tensors, "swin", "w")) ==
          Strings{"layers.0.blocks.0.attn.qkv.weight"});
}

TEST_CASE("golden names of every model are canonical and none but buffers is lost") {
    COMQ_NEED_GOLDEN(golden);
    int models = 0;
    for (const auto& entry : std::filesystem::directory_iterator(golden / "models")) {
        const std::string file = entry.path().filename().string();
        if (!file.ends_with(".state_dict.json")) continue;
        INFO(file);
        const std::string model = file.substr(file.find('.') + 1);
        const std::string family = model.substr(0, model.find_first_of("_0123456789"));
        Strings names;
        Strings expected;
        const nlohmann::json shapes = nlohmann::json::parse(std::ifstream(entry.path()));
        for (const auto& [name, shape] : shapes.items()) {
            names.push_back(name);
            const bool buffer =
                name.ends_with("relative_position_index") || name.ends_with("attn_mask");
            if (!buffer) expected.push_back(name);
        }
        std::sort(expected.begin(), expected.end());
        CHECK(names_of(canonical_tensors(named(names), family, "w")) == expected);
        ++models;
    }
    CHECK(models > 0);
}

TEST_CASE("the original ViT's arrays are converted whatever the family") {
    const TensorMap arrays = read_checkpoint(checkpoint("augreg_vit.npz"));
    CHECK(names_of(canonical_tensors(arrays, "vit", "vit.npz")) ==
          names_of(read_checkpoint(checkpoint("augreg_vit_timm.pth"))));
    CHECK(canonical_tensors(arrays, "resnet", "vit.npz").contains("blocks.0.attn.qkv.weight"));
}

TEST_CASE("every family has its own name and gives it to its members") {
    for (const ModelFamily* family : model_families()) {
        INFO(family->name);
        CHECK(find_family(family->name) == family);
        REQUIRE_FALSE(family->members.empty());
        for (const ModelDescription& member : family->members) {
            CHECK(find_model(member.name).family == family->name);
        }
    }
    CHECK(find_family("none") == nullptr);
    CHECK(recognised_family(published("torchvision.mobilenet_v2")) == "a MobileNetV2");
    CHECK(recognised_family(named({"weight"})).empty());
}
