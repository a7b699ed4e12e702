#include "experiment/runs.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

TEST_CASE("a new key enters the identity and the caches of what it affects") {
    using enum Effect;
    const auto loaded = shipped_config("demo_vit_4bit", temporary_folder());
    const auto model = load_model(loaded.config.model, torch::kCPU);
    const auto images = open_images(loaded.config);
    const RunKeys plain = run_keys(loaded.config, model, images);
    for (const Effect effect : {full_precision, calibration_images, evaluation_images, statistics,
                                solution, repair, evaluation, resource, location}) {
        CAPTURE(Affects(effect).names());
        double value = 0;
        ExperimentSchema schema = experiment_schema();
        schema.add(
            {.key = "section.added", .affects = effect, .meaning = "New."},
            [&value](auto&) -> double& { return value; }, number(0, 9));
        const auto keys = [&](double given) {
            value = given;
            return run_keys(loaded.config, model, images, schema);
        };
        CHECK(keys(0).identity.digest == plain.identity.digest);
        CHECK(keys(0).full_precision == plain.full_precision);
        CHECK(keys(0).statistics == plain.statistics);
        CHECK(keys(0).solution == plain.solution);
        const bool number = effect != resource && effect != location;
        CHECK((keys(3).identity.digest != plain.identity.digest) == number);
        CHECK((keys(3).full_precision != plain.full_precision) == (effect == full_precision));
        CHECK((keys(3).statistics != plain.statistics) == (effect == statistics));
        CHECK((keys(3).solution != plain.solution) == (effect == statistics || effect == solution));
    }
}

TEST_CASE("keys that choose images stand in the caches by their images") {
    const auto keys_with = [](const std::vector<std::string>& overrides) {
        const auto loaded = shipped_config("demo_vit_4bit", temporary_folder(), overrides);
        return run_keys(loaded.config, load_model(loaded.config.model, torch::kCPU),
                        open_images(loaded.config));
    };
    const RunKeys all = keys_with({});
    const RunKeys named = keys_with({"evaluation.images=2000"});
    CHECK(named.full_precision == all.full_precision);
    CHECK(named.identity.digest != all.identity.digest);
    CHECK(keys_with({"evaluation.images=1000"}).full_precision != all.full_precision);
    CHECK(keys_with({"evaluation.batch_size=4"}).full_precision != all.full_precision);
    CHECK(keys_with({"calibration.images=10"}).statistics != all.statistics);
    CHECK(keys_with({"calibration.transform=train"}).statistics != all.statistics);
    CHECK(keys_with({"calibration.views=2"}).statistics != all.statistics);
    CHECK(keys_with({"repair.fold_batch_norm=true"}).statistics != all.statistics);
    const RunKeys solved = keys_with({"quantization.bits=3", "activations.bits=8"});
    CHECK(solved.statistics == all.statistics);
    CHECK(solved.full_precision == all.full_precision);
}
