// Key maps of the families, against the names that publishers' libraries list.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/errors.hpp"
#include "networks/canonical_tensors.hpp"
#include "networks/families/families.hpp"
#include "support/catch.hpp"
#include "weights/checkpoint.hpp"
#include "weights/checkpoints.hpp"
#include "weights/tensor_names.hpp"

using namespace comq;
using namespace comq::test;

namespace {

/** Names and shapes of a model's weights in data/published_names.json, as tensors of zeros. */
TensorMap published(const std::string& library_and_model) {
    static const nlohmann::json models =
        nlohmann::json::parse(std::ifstream(checkpoint("published_names.json")));
    // One page of zeros for all, as large as VGG's first Linear; what is not read costs nothing.
    constexpr std::size_t most_bytes = std::size_t{4} * 4096 * 512 * 7 * 7;
    static const std::shared_ptr<std::byte> zeros(
        static_cast<std::byte*>(std::calloc(most_bytes, 1)), std::free);
    TensorMap tensors;
    for (const auto& [name, shape] : models.at(library_and_model).items()) {
        tensors[name] = {DType::f32, shape.get<Shape>(), zeros};
        REQUIRE(tensors[name].nbytes() <= most_bytes);
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
        {"swin", "torchvision.swin_t", "timm06.swin_tiny_patch4_window7_224"},
        {"swin", "transformers.swin_tiny", "timm06.swin_tiny_patch4_window7_224"},
        {"swin", "transformers_in_memory.swin_tiny", "timm06.swin_tiny_patch4_window7_224"},
        {"vit", "torchvision.vit_b_16", "timm.vit_base_patch16_224"},
        {"deit", "transformers.deit_tiny_distilled", "timm.deit_tiny_distilled_patch16_224"},
        {"deit", "transformers_in_memory.deit_tiny_distilled",
         "timm.deit_tiny_distilled_patch16_224"},
        {"resnet", "transformers.resnet50", "torchvision.resnet50"},
        {"vgg", "timm.vgg16_bn", "torchvision.vgg16_bn"},
    };
    for (const Case& c : cases) {
        INFO(c.publisher);
        const auto canonical = shapes_of(published(c.canonical));
        REQUIRE(canonical.size() > 25);
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

TEST_CASE("tables of relative positions keep their stage and block") {
    const std::string ours = "layers.2.blocks.3.attn.relative_position_bias_table";
    const std::vector<Strings> published{
        {"features.1.0.attn.qkv.weight", "features.5.3.attn.relative_position_bias_table"},
        {"swin.encoder.layers.0.blocks.0.attention.self.query.weight",
         "swin.encoder.layers.0.blocks.0.attention.self.key.weight",
         "swin.encoder.layers.0.blocks.0.attention.self.value.weight",
         "swin.encoder.layers.2.blocks.3.attention.self.relative_position_bias_table"}};
    for (const Strings& names : published) {
        INFO(names.front());
        const TensorMap tensors = canonical_tensors(named(names), "swin", "w");
        CHECK(names_of(tensors) == Strings{"layers.0.blocks.0.attn.qkv.weight", ours});
    }
}

TEST_CASE("a prefix in front of known names is taken off, and what lies beside it left out") {
    const auto canonical = [](const Strings& names, const std::string& family) {
        return names_of(canonical_tensors(named(names), family, "w.ckpt"));
    };
    CHECK(canonical({"model.layer4.0.conv1.weight", "model.fc.weight", "loss.weight"}, "resnet") ==
          Strings{"fc.weight", "layer4.0.conv1.weight"});
    CHECK(canonical({"net.0.blocks.0.attn.qkv.weight", "net.0.head.weight"}, "deit") ==
          Strings{"blocks.0.attn.qkv.weight", "head.weight"});
    // Swin's stages hold blocks of names that a ViT has.
    CHECK(canonical({"model.layers.0.blocks.0.attn.qkv.weight",
                     "model.layers.1.blocks.0.attn.qkv.weight"},
                    "swin") ==
          Strings{"layers.0.blocks.0.attn.qkv.weight", "layers.1.blocks.0.attn.qkv.weight"});
    CHECK(canonical({"model.features.1.0.attn.qkv.weight", "model.head.weight"}, "swin") ==
          Strings{"head.weight", "layers.0.blocks.0.attn.qkv.weight"});
    CHECK(canonical({"model.other.weight"}, "resnet") == Strings{"model.other.weight"});
    CHECK_THROWS_WITH(
        canonical({"student.layer4.0.conv1.weight", "teacher.layer4.0.conv1.weight"}, "resnet"),
        ContainsSubstring("w.ckpt: holds several networks, their names begin with student., "
                          "teacher.; choose one by model.state_dict"));
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
