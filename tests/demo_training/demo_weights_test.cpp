#include <cstring>
#include <numeric>

#include "core/interrupt.hpp"
#include "data/demo_source.hpp"
#include "evaluation/evaluate.hpp"
#include "networks/load.hpp"
#include "networks/registry.hpp"
#include "quantization/method.hpp"
#include "storage/safetensors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "torch_bridge/runtime.hpp"

using namespace comq;

namespace {

double top1(const Network& network, const Preprocessing& preprocessing) {
    const auto source = make_demo_source(Split::evaluation);
    std::vector<int64_t> indices(static_cast<std::size_t>(source->size()));
    std::iota(indices.begin(), indices.end(), int64_t{0});
    Progress::set_quiet(true);
    Progress progress("evaluation", "images", source->size());
    BadImages bad(0);
    const auto& stop = interrupt_requested();
    const ImagePass pass{{source.get(), indices, preprocessing, 8}, torch::kCPU, bad, stop};
    return accuracy_of(evaluate(network, pass, progress)).top1;
}

void round_to_nearest(const Network& network, int bits) {
    QuantizationConfig config;
    config.method = "rtn";
    config.bits = bits;
    const auto method = make_method(config);
    for (const auto& entry : network.layers()) {
        if (!entry.quantized_by_default) continue;
        torch::Tensor weight = entry.layer->weight().detach();
        const int64_t m = entry.layer->in_features();
        const Matrix<double> gram(m, m);
        const GroupProblem problem{.layer = entry.layer->name(),
                                   .bits = bits,
                                   .weight = {weight.data_ptr<float>(), weight.size(0), m},
                                   .gram = gram.view(),
                                   .input_change = {},
                                   .column_norm = {}};
        const Matrix<float> rounded = dequantize(method->solve(problem).weight);
        std::memcpy(weight.data_ptr<float>(), rounded.data(), weight.nbytes());
    }
}

}  // namespace

TEST_CASE("the committed networks are accurate, and rounding to 2 bits breaks them") {
    set_torch_threads(2);
    std::uintmax_t bytes = 0;
    for (const char* name : {"demo_vit", "demo_cnn"}) {
        CAPTURE(name);
        const ModelDescription& model = find_model(name);
        const auto file =
            test::source_dir() / "datasets" / "demo" / (std::string(name) + ".safetensors");
        bytes += std::filesystem::file_size(file);
        const TensorMap weights = read_safetensors(file).tensors;
        const auto rounded_top1 = [&](int bits) {
            const auto network = model.make();
            load_parameters(*network, weights, file.string());
            if (bits > 0) round_to_nearest(*network, bits);
            return top1(*network, model.preprocessing);
        };
        const double full_precision = rounded_top1(0);
        CHECK(full_precision > 90.0);
        CHECK(full_precision < 98.0);
        // The room that a better method than rounding has to show itself.
        CHECK(rounded_top1(4) < full_precision);
        CHECK(rounded_top1(2) < full_precision - 20.0);
    }
    CHECK(bytes < 3'000'000);
}
