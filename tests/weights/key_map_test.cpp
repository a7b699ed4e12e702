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
