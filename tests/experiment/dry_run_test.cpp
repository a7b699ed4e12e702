#include <set>

#include "experiment/layer_plan.hpp"
#include "experiment/runs.hpp"
#include "experiment/workload.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("every shipped config can be planned without its weights and images") {
    const auto configs = test::source_dir() / "configs";
    // Planning runs the network once: cells of one network differ in nothing that it could miss.
    std::set<std::string> planned;
    for (const char* folder : {"", "published"}) {
        for (const auto& entry : fs::directory_iterator(configs / folder)) {
            if (entry.path().extension() != ".yaml") continue;
            INFO(entry.path());
            auto loaded =
                load_config(entry.path(), {"calibration.batch_size=1"}, {known_names(), {configs}});
            if (!planned.insert(loaded.config.model.name).second) {
                const auto network = find_model(loaded.config.model.name).make();
                CHECK_FALSE(plan_layers(*network, loaded.config.quantization).layers.empty());
                continue;
            }
            const auto text = describe_plan(loaded);
            CHECK(text.find("layers are quantized") != std::string::npos);
            CHECK(text.find("memory: about") != std::string::npos);
        }
    }
    CHECK(planned.size() >= 18);
}

TEST_CASE("a plan counts what gradients and error propagation cost") {
    const auto workload = [](const std::vector<std::string>& overrides) {
        const auto loaded =
            test::shipped_config("demo_vit_4bit", test::temporary_folder(), overrides);
        const auto& model = find_model(loaded.config.model.name);
        const auto network = model.make();
        return measure_workload(*network, plan_layers(*network, loaded.config.quantization),
                                model.preprocessing, loaded.config, 1);
    };
    const auto plain = workload({});
    CHECK(plain.calibration_forwards == 1.0);
    CHECK(workload({"calibration.weighting=fisher"}).calibration_forwards == 4.0);
    const auto propagated = workload({"calibration.inputs=quantized"});
    // Four layers in each block but stem and head: five passes of two networks there.
    CHECK(propagated.calibration_forwards > 4.0);
    CHECK(propagated.calibration_forwards < 10.0);
    CHECK(propagated.disk_bytes > plain.disk_bytes);
}
