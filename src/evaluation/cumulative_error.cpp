#include "evaluation/cumulative_error.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "core/check.hpp"

namespace comq {

namespace {

/** The outputs of layers in the order of their calls; inputs are as `inner`, if any, makes them. */
class OutputTap : public Tap {
  public:
    explicit OutputTap(Tap* inner) : inner_(inner) {}

    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        return inner_ == nullptr ? input : inner_->on_input(observed, input);
    }
    void on_output(const Observable& observed, const torch::Tensor& output) override {
        // What follows may change the output in place.
        if (observed.layer() != nullptr) outputs_.emplace_back(&observed, output.clone());
    }
    const std::vector<std::pair<const Observable*, torch::Tensor>>& outputs() const {
        return outputs_;
    }

  private:
    Tap* inner_;
    std::vector<std::pair<const Observable*, torch::Tensor>> outputs_;
};

struct Squares {
    double difference = 0.0;  ///< ‖Y − Ỹ‖²
    double product = 0.0;     ///< ‖Y − b‖²
};

double sum_of_squares(const torch::Tensor& values) {
    return values.to(torch::kDouble).square().sum().item<double>();
}

torch::Tensor without_bias(const Observable& layer, const torch::Tensor& output) {
    if (!layer.bias().defined()) return output;
    std::vector<int64_t> shape(static_cast<std::size_t>(output.dim()), 1);
    const int64_t axis = (layer.channel_axis() + output.dim()) % output.dim();
    shape[static_cast<std::size_t>(axis)] = -1;
    return output - layer.bias().view(shape);
}

using SquaresByLayer = std::map<std::string, Squares>;

void compare(const OutputTap& expected, const OutputTap& seen, SquaresByLayer& sums) {
    COMQ_CHECK(expected.outputs().size() == seen.outputs().size());
    for (std::size_t call = 0; call < expected.outputs().size(); ++call) {
        const auto& [layer, output] = expected.outputs()[call];
        COMQ_CHECK(seen.outputs()[call].first->name() == layer->name());
        Squares& squares = sums[layer->name()];
        squares.difference += sum_of_squares(seen.outputs()[call].second - output);
        squares.product += sum_of_squares(without_bias(*layer, output));
    }
}

}  // namespace

std::map<std::string, double> cumulative_errors(const Network& full_precision,
                                                const Network& quantized, const ImagePass& pass,
                                                Tap* rounding) {
    std::vector<SquaresByLayer> by_batch(static_cast<std::size_t>(pass.batches()));
    pass.run("cumulative errors", "comparing the outputs of layers",
             [&](const torch::Tensor& pixels, const ImageBatch& batch) {
                 const torch::InferenceMode inference;
                 auto& sums = by_batch[static_cast<std::size_t>(batch.batch)];
                 auto expected = pixels;
                 auto seen = pixels;
                 for (std::size_t block = 0; block < full_precision.blocks().size(); ++block) {
                     OutputTap of_expected(nullptr);
                     OutputTap of_seen(rounding);
                     expected = full_precision.run(expected, block, block + 1, &of_expected);
                     seen = quantized.run(seen, block, block + 1, &of_seen);
                     compare(of_expected, of_seen, sums);
                 }
             });
    SquaresByLayer total;
    for (const auto& batch : by_batch) {
        for (const auto& [name, squares] : batch) {
            total[name].difference += squares.difference;
            total[name].product += squares.product;
        }
    }
    std::map<std::string, double> errors;
    for (const auto& [name, squares] : total) {
        errors[name] = std::sqrt(squares.difference / squares.product);
    }
    return errors;
}

}  // namespace comq
