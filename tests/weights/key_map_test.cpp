#include "weights/key_map.hpp"

#include <fstream>
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
    const KeyMap map{"test", "", {{"a.*", "b.$1"}, {"b.*", "c.$1"}, {"drop.**", {}}}};
    const TensorMap renamed = rename_tensors(named({"a.1", "b.2", "keep", "drop.x.y"}), map, "w");
    CHECK(names_of(renamed) == Strings{"b.1", "c.2", "keep"});
    const KeyMap swap{"test", "", {{"*.**.*", "$3.$2.$1"}}};
    CHECK(names_of(rename_tensors(named({"a.b.c.d"}), swap, "w")) == Strings{"d.b.c.a"});
}

TEST_CASE("two tensors under one new name are an error") {
    const KeyMap map{"somebody", "", {{"a.*", "b.$1"}}};
    CHECK_THROWS_WITH(rename_tensors(named({"a.1", "b.1"}), map, "w.pth"),
                      ContainsSubstring("w.pth: tensors 'a.1' and 'b.1' would both be 'b.1'") &&
                          ContainsSubstring("somebody"));
}

TEST_CASE("a marker limits a map to its checkpoints") {
    const KeyMap map{"test", "new.**", {{"a", "b"}}};
    CHECK(map.applies_to(named({"a", "new.x"})));
    CHECK_FALSE(map.applies_to(named({"a", "newer"})));
}

namespace {

/** Swin-T's names in timm 0.6, without buffers. */
Strings timm06_swin_names() {
    Strings names{"patch_embed.proj.weight", "head.weight", "head.bias", "norm.weight"};
    for (const char* stage : {"0", "1", "2"}) {
        names.push_back(std::string("layers.") + stage + ".downsample.reduction.weight");
        names.push_back(std::string("layers.") + stage + ".downsample.norm.bias");
    }
    for (const char* stage : {"0", "1", "2", "3"}) {
        names.push_back(std::string("layers.") + stage + ".blocks.0.attn.qkv.weight");
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

TEST_CASE("Swin's names of timm 0.6 stay, its buffers are dropped") {
    Strings names = timm06_swin_names();
    const TensorMap plain = named(names);
    names.push_back("layers.0.blocks.1.attn_mask");
    names.push_back("layers.0.blocks.0.attn.relative_position_index");
    CHECK(names_of(canonical_tensors(named(names), "w")) == names_of(plain));
}

TEST_CASE("Swin's names of timm 0.9 become those of timm 0.6") {
    const TensorMap newer =
        named({"patch_embed.proj.weight", "head.fc.weight", "head.fc.bias", "norm.weight",
               "layers.1.downsample.reduction.weight", "layers.1.downsample.norm.bias",
               "layers.2.downsample.reduction.weight", "layers.2.downsample.norm.bias",
               "layers.3.downsample.reduction.weight", "layers.3.downsample.norm.bias",
               "layers.0.blocks.0.attn.qkv.weight", "layers.1.blocks.0.attn.qkv.weight",
               "layers.2.blocks.0.attn.qkv.weight", "layers.3.blocks.0.attn.qkv.weight"});
    CHECK(names_of(canonical_tensors(newer, "w")) == timm06_swin_names());
}

TEST_CASE("golden Swin names of timm 0.6.12 are canonical and none is lost") {
    COMQ_NEED_GOLDEN(golden);
    std::ifstream in(golden / "models/timm.swin_tiny_patch4_window7_224.state_dict.json");
    if (!in) return skip("assets", "timm.swin_tiny's names");
    const nlohmann::json shapes = nlohmann::json::parse(in);
    Strings names;
    Strings expected;
    for (const auto& [name, shape] : shapes.items()) {
        names.push_back(name);
        const bool buffer =
            name.ends_with("relative_position_index") || name.ends_with("attn_mask");
        if (!buffer) expected.push_back(name);
    }
    std::sort(expected.begin(), expected.end());
    REQUIRE(expected.size() > 100);
    CHECK(names_of(canonical_tensors(named(names), "w")) == expected);
}
