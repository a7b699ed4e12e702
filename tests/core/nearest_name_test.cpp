#include "core/nearest_name.hpp"

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("edit distance counts insertions, deletions, substitutions and swaps") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("bits", "") == 4);
    CHECK(edit_distance("", "bits") == 4);
    CHECK(edit_distance("bits", "bits") == 0);
    CHECK(edit_distance("bit", "bits") == 1);
    CHECK(edit_distance("bist", "bits") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
    // Each stretch is edited once only: the swapped "ab" can't be split by a later insertion.
    CHECK(edit_distance("ca", "abc") == 3);
}

TEST_CASE("the nearest name is the first of least distance") {
    const std::vector<std::string> known = {"sweeps", "scalar", "order", "bits"};
    CHECK(nearest_name("sweep", known) == "sweeps");
    CHECK(nearest_name("ordre", known) == "order");
    CHECK(nearest_name("scaler", known) == "scalar");
    CHECK(nearest_name("xyz", {"abc", "abd"}) == "abc");
    CHECK(nearest_name("deit_tny", {"demo_cnn", "deit_tiny_patch16_224"}) ==
          "deit_tiny_patch16_224");
    CHECK(nearest_name("comq_pls", {"comq", "comq_plus"}) == "comq_plus");
    CHECK(nearest_name("bits", {}).empty());
    CHECK(nearest_name(std::string(100'000, 'b'), known) == "bits");
}
