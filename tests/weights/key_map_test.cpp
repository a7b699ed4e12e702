#include "weights/key_map.hpp"

#include "core/errors.hpp"
#include "support/catch.hpp"
#include "weights/checkpoints.hpp"
#include "weights/tensor_names.hpp"

using namespace comq;
using namespace comq::test;

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
    const KeyMap map{"test", "**", {{"a.*", "b.$1"}, {"b.*", "c.$1"}, {"drop.**", {}}}};
    const TensorMap renamed = rename_tensors(named({"a.1", "b.2", "keep", "drop.x.y"}), map, "w");
    CHECK(names_of(renamed) == Strings{"b.1", "c.2", "keep"});
    const KeyMap swap{"test", "**", {{"*.**.*", "$3.$2.$1"}}};
    CHECK(names_of(rename_tensors(named({"a.b.c.d"}), swap, "w")) == Strings{"d.b.c.a"});
}

TEST_CASE("numbers are shifted, and what is no number doesn't fit the rule") {
    const KeyMap map{"test", "**", {{"s*.b*.x", "$1{+10}-$2{-1}.y"}, {"s**", "t$1"}}};
    CHECK(names_of(rename_tensors(named({"s2.b1.x", "s2.bb.x", "s2.b9999999999.x"}), map, "w")) ==
          Strings{"12-0.y", "t2.b9999999999.x", "t2.bb.x"});
}

TEST_CASE("two tensors under one new name are an error") {
    const KeyMap map{"somebody", "**", {{"a.*", "b.$1"}}};
    CHECK_THROWS_WITH(rename_tensors(named({"a.1", "b.1"}), map, "w.pth"),
                      ContainsSubstring("w.pth: tensors 'a.1' and 'b.1' would both be 'b.1'") &&
                          ContainsSubstring("somebody"));
}

TEST_CASE("the marker limits a map to its checkpoints") {
    const KeyMap map{"test", "new.**", {{"a", "b"}}};
    CHECK(map.applies_to(named({"a", "new.x"})));
    CHECK_FALSE(map.applies_to(named({"a", "newer"})));
}

TEST_CASE("query, key and value become the rows of one tensor in this order") {
    const KeyMap map{
        "somebody",
        "**",
        {{"*.v", "$1.qkv", {3, 3}}, {"*.q", "$1.qkv", {1, 3}}, {"*.k", "$1.qkv", {2, 3}}}};
    const auto rows = [](std::vector<float> values) {
        const auto columns = static_cast<int64_t>(values.size()) / 2;
        return HostTensor::copy_of<float>(DType::f32, {2, columns}, std::span<const float>(values));
    };
    const TensorMap tensors{
        {"a.q", rows({1, 2, 3, 4})}, {"a.k", rows({5, 6, 7, 8})}, {"a.v", rows({9, 10, 11, 12})}};
    const TensorMap joined = rename_tensors(tensors, map, "w.bin");
    REQUIRE(names_of(joined) == Strings{"a.qkv"});
    CHECK(joined.at("a.qkv").shape == Shape{6, 2});
    CHECK(floats(joined.at("a.qkv")) == std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});

    TensorMap broken = tensors;
    broken["a.k"] = rows({5, 6});
    CHECK_THROWS_WITH(rename_tensors(broken, map, "w.bin"),
                      ContainsSubstring("'a.q' and 'a.k' belong together") &&
                          ContainsSubstring("[2, 2] and [2, 1]"));
    broken.erase("a.k");
    CHECK_THROWS_WITH(rename_tensors(broken, map, "w.bin"),
                      ContainsSubstring("'a.qkv' is made of 3 tensors by the names of somebody"));
}

TEST_CASE("convolutions as large as their input become matrices") {
    const KeyMap map{"somebody", "**", {{"fc.*", "classifier.$1", {}, true}}};
    TensorMap tensors = named({"fc.bias"});
    tensors["fc.weight"] =
        HostTensor::copy_of<float>(DType::f32, {2, 3, 1, 1}, std::span<const float>(ramp(6)));
    const TensorMap matrices = rename_tensors(tensors, map, "w.bin");
    CHECK(matrices.at("classifier.weight").shape == Shape{2, 3});
    CHECK(floats(matrices.at("classifier.weight")) == ramp(6));
    CHECK(matrices.at("classifier.bias").shape == Shape{1});
}
