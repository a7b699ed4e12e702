#include "calibration/collect.hpp"
#include "networks/hash_weights.hpp"
#include "passes/pass_over.hpp"
#include "support/catch.hpp"
#include "support/memory_source.hpp"

using namespace comq;

TEST_CASE("statistics of a bf16 forward pass are near those of fp32, and the weights stay") {
    const test::MemorySource source(6, 32);
    const auto network = find_model(GENERATE("demo_vit", "demo_cnn")).make();
    test::set_hash_weights(*network);
    std::vector<torch::Tensor> before;
    for (const auto& [name, tensor] : network->state_dict()) before.push_back(tensor.clone());

    BadImages bad(0);
    CalibrationPass pass{test::pass_over(source, "demo_vit", 3, bad)};
    const auto exact = collect_statistics(*network, network->layers(), pass);
    pass.bfloat16 = true;
    const auto rounded = collect_statistics(*network, network->layers(), pass);

    std::size_t next = 0;
    for (const auto& [name, tensor] : network->state_dict()) {
        CHECK(torch::equal(tensor, before[next++]));
    }
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const auto& a = exact[i].grams.at(statistic::gram)[0].values();
        const auto& b = rounded[i].grams.at(statistic::gram)[0].values();
        double difference = 0.0;
        double norm = 0.0;
        for (std::size_t k = 0; k < a.size(); ++k) {
            difference += (a[k] - b[k]) * (a[k] - b[k]);
            norm += a[k] * a[k];
        }
        // bf16 rounds to 2^-9 of a number, and deeper layers see the errors of earlier ones.
        CHECK(std::sqrt(difference / norm) < 0.05);
        CHECK(difference > 0.0);
    }
}
