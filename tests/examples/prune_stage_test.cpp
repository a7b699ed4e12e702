#include "examples/prune_stage.hpp"
#include "experiment/runs.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("example: the pruning stage sets a tenth of the planned weights to zero") {
    const auto loaded = test::shipped_config("demo_cnn_4bit", test::temporary_folder());
    RunContext context(loaded.config);
    REQUIRE(prune_stage.takes_part(loaded.config));
    prune_stage.run(context);
    for (const auto& planned : context.plan.layers) {
        const auto zeros = (planned.entry.layer->weight() == 0.0).to(torch::kDouble).mean();
        CHECK_THAT(zeros.item<double>(), Catch::Matchers::WithinAbs(0.1, 0.05));
    }
}
