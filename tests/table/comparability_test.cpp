#include "table/comparability.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/made_runs.hpp"

using namespace comq;

namespace {

const MeasuredSetting paper{.evaluation_images = 50000,
                            .full_precision = 81.99,
                            .layers = LayerScope::default_layers,
                            .uses_labels = LabelUse::no,
                            .differs = {}};

}  // namespace

TEST_CASE("numbers of one setting are comparable") {
    CHECK(reasons_against(paper, paper).empty());
    MeasuredSetting rerun = paper;
    rerun.full_precision = 81.95;  // another decoder
    CHECK(reasons_against(rerun, paper).empty());
    CHECK(reasons_against(MeasuredSetting{}, paper).empty());
}

TEST_CASE("each difference of the setting is a reason") {
    MeasuredSetting other = paper;
    using Reasons = std::vector<std::string>;
    SECTION("images") {
        other.evaluation_images = 500;
        CHECK(reasons_against(other, paper) == Reasons{"evaluated on 500 images, not 50000"});
    }
    SECTION("checkpoint") {
        other.full_precision = 81.74;
        CHECK(reasons_against(other, paper) ==
              Reasons{"another checkpoint: 81.74 in full precision, not 81.99"});
    }
    SECTION("layers") {
        other.layers = LayerScope::other;
        CHECK_THAT(reasons_against(other, paper).at(0), ContainsSubstring("quantized layers: "));
        other.layers = LayerScope::unknown;
        CHECK(reasons_against(other, other).size() == 1);
    }
    SECTION("labels") {
        other.uses_labels = LabelUse::yes;
        CHECK(reasons_against(other, paper) ==
              Reasons{"with labels of training images; elsewhere without labels"});
    }
    SECTION("anything else") {
        other.differs = {"non-uniform codes"};
        CHECK(reasons_against(other, paper) == Reasons{"non-uniform codes"});
    }
}

TEST_CASE("the setting of a run is read from its file") {
    const auto folder = test::temporary_folder();
    const auto plain = setting_of(test::result_of(folder, "a.h5", {.images = 200}));
    CHECK(*plain.evaluation_images == 200);
    CHECK(*plain.full_precision == Approx(95));
    CHECK(*plain.layers == LayerScope::default_layers);
    CHECK(*plain.uses_labels == LabelUse::no);
    const auto rules = setting_of(test::result_of(
        folder, "b.h5", {.overrides = {"quantization.layers=[{match: '*', quantize: true}]"}}));
    CHECK(*rules.layers == LayerScope::other);
}
