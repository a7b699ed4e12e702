#include "weights/key_map.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/errors.hpp"
#include "support/catch.hpp"
#include "weights/checkpoints.hpp"
#include "weights/published_keys.hpp"

using namespace comq;
using namespace comq::test;

namespace {

TensorMap named(const std::vector<std::string>& names) {
    TensorMap tensors;
    for (const std::string& name : names) {
        tensors[name] = HostTensor::copy_of<float>(DType::f32, {1}, std::vector{1.f});
    }
    return tensors;
}

std::vector<std::string> names_of(const TensorMap& tensors) {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors) names.push_back(name);
    return names;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("patterns match whole names and capture what the stars stand for") {
    CHECK(match_pattern("head.weight", "head.weight") == Strings{});
    CHECK_FALSE(match_pattern("head.weight", "head.weight2"));
    CHECK(match_pattern("layers.*.weight", "layers.12.weight") == Strings{"12"});
    CHECK_FALSE(match_pattern("layers.*.weight", "layers.1.2.weight"));
    CHECK(match_pattern("layers.**.weight", "layers.1.2.weight") == Strings{"1.2"});
    CHECK(match_pattern("*.**", "a.b.c") == Strings{"a", "b.c"});
    CHECK(match_pattern("b*_*.x", "b1_2_3.x") == Strings{"1_2", "3"});
    CHECK_FALSE(match_pattern("a*", "a"));
    CHECK_FALSE(match_pattern("**.x", ".x"));
}

TEST_CASE("the first matching rule renames, once") {
    const KeyMap map{"test", "", "**", {{"a.*", "b.$1"}, {"b.*", "c.$1"}, {"drop.**", {}}}};
    const TensorMap renamed = rename_tensors(named({"a.1", "b.2", "keep", "drop.x.y"}), map, "w");
    CHECK(names_of(renamed) == Strings{"b.1", "c.2", "keep"});
    const KeyMap swap{"test", "", "**", {{"*.**.*", "$3.$2.$1"}}};
    CHECK(names_of(rename_tensors(named({"a.b.c.d"}), swap, "w")) == Strings{"d.b.c.a"});
}

TEST_CASE("numbers are shifted, and what is no number doesn't fit the rule") {
    const KeyMap map{"test", "", "**", {{"s*.b*.x", "$1{+10}-$2{-1}.y"}, {"s**", "t$1"}}};
    CHECK(names_of(rename_tensors(named({"s2.b1.x", "s2.bb.x", "s2.b9999999999.x"}), map, "w")) ==
          Strings{"12-0.y", "t2.b9999999999.x", "t2.bb.x"});
}

TEST_CASE("two tensors under one new name are an error") {
    const KeyMap map{"somebody", "", "**", {{"a.*", "b.$1"}}};
    CHECK_THROWS_WITH(rename_tensors(named({"a.1", "b.1"}), map, "w.pth"),
                      ContainsSubstring("w.pth: tensors 'a.1' and 'b.1' would both be 'b.1'") &&
                          ContainsSubstring("somebody"));
}

TEST_CASE("family and marker limit a map to its checkpoints") {
    const KeyMap map{"test", "swin", "new.**", {{"a", "b"}}};
    CHECK(map.applies_to("swin", named({"a", "new.x"})));
    CHECK_FALSE(map.applies_to("vit", named({"a", "new.x"})));
    CHECK_FALSE(map.applies_to("swin", named({"a", "newer"})));
}

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
