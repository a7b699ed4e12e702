#include "table/cell_plan.hpp"

#include "experiment_config/experiment_schema.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

using Names = std::vector<std::string>;

template <typename Wanted>
Names keys_where(Wanted&& wanted) {
    Names names;
    for (const KeyInfo& info : experiment_schema().keys()) {
        if (wanted(info)) names.push_back(info.key);
    }
    return names;
}

}  // namespace

TEST_CASE("a new key tells runs of a table apart by what it affects") {
    using enum Effect;
    for (const Effect effect : {full_precision, calibration_images, evaluation_images, statistics,
                                solution, repair, evaluation, resource, location}) {
        const KeyInfo added{.key = "section.added", .meaning = "New.", .affects = effect};
        CAPTURE(added.affects.names());
        const bool number = effect != resource && effect != location;
        const bool image = effect == calibration_images || effect == evaluation_images;
        CHECK(tells_apart(added) == number);
        CHECK(always_decides(added) == (number && !image));
        CHECK(decides_when_named(added, "3", false) == (effect != resource));
        CHECK(describes_full_precision(added) ==
              (effect == full_precision || effect == evaluation_images));
    }
}

TEST_CASE("a cell is one experiment whatever images its runs draw") {
    CHECK(keys_where([](const KeyInfo& key) { return tells_apart(key) && !always_decides(key); }) ==
          Names{"data.layout", "calibration.images", "calibration.selection", "calibration.holdout",
                "calibration.batch_size", "calibration.transform", "calibration.views",
                "evaluation.images", "evaluation.batch_size"});
    CHECK(keys_where(describes_full_precision) == Names{"device",
                                                        "model.name",
                                                        "model.program",
                                                        "model.weights",
                                                        "model.state_dict",
                                                        "model.resample_positions",
                                                        "model.sha256",
                                                        "model.preprocessing.resize",
                                                        "model.preprocessing.crop_pct",
                                                        "model.preprocessing.crop",
                                                        "model.preprocessing.input_size",
                                                        "model.preprocessing.resize_mode",
                                                        "model.preprocessing.interpolation",
                                                        "model.preprocessing.mean",
                                                        "model.preprocessing.std",
                                                        "data.root",
                                                        "data.layout",
                                                        "data.evaluation",
                                                        "data.synsets",
                                                        "data.labels",
                                                        "data.classes",
                                                        "evaluation.images",
                                                        "evaluation.batch_size",
                                                        "evaluation.sets"});
}

TEST_CASE("of what changes no number a table tells threads apart, and times without a cache") {
    const auto decides = [](const char* key, const char* value, bool of_time) {
        const auto& keys = experiment_schema().keys();
        return decides_when_named(*std::ranges::find(keys, key, &KeyInfo::key), value, of_time);
    };
    CHECK(decides("resources.threads", "4", true));
    CHECK_FALSE(decides("resources.threads", "all", true));
    CHECK(decides("resources.threads", "4", false));
    CHECK_FALSE(decides("resources.memory", "1GB", true));
    CHECK(decides("resources.cache", "null", true));
    CHECK_FALSE(decides("resources.cache", "/tmp/cache", true));
    CHECK_FALSE(decides("output.file", "/tmp/a.h5", true));
    CHECK(decides("data.evaluation", "/tmp/images", false));
    CHECK_FALSE(decides("model.sha256", "null", false));
}
