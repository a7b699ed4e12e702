#include "demo_training/initialize.hpp"

#include <cmath>

#include "networks/registry.hpp"
#include "support/catch.hpp"

using namespace comq;

TEST_CASE("first weights have the deviation of their kind; norms are the identity") {
    // A normal draw clamped to two deviations has a deviation of 0.959.
    constexpr double clamped = 0.959;
    for (const char* model : {"demo_vit", "demo_cnn"}) {
        const auto network = find_model(model).make();
        initialize_parameters(*network, 1);
        for (const auto& [name, tensor] : network->state_dict()) {
            CAPTURE(model, name);
            if (tensor.dim() == 3) continue;
            if (tensor.dim() < 2) {
                const bool one = name.ends_with("weight") || name.ends_with("running_var");
                CHECK(torch::all(tensor == (one ? 1 : 0)).item<bool>());
                continue;
            }
            const double inputs = static_cast<double>(tensor.numel() / tensor.size(0));
            const double expected =
                tensor.dim() == 4 ? std::sqrt(2.0 / inputs) : 0.5 / std::sqrt(inputs);
            // Five standard errors of a deviation over that many draws.
            const double error = 5.0 / std::sqrt(2.0 * static_cast<double>(tensor.numel()));
            CHECK(tensor.square().mean().sqrt().item<double>() ==
                  Approx(clamped * expected).epsilon(error));
        }
    }
}

TEST_CASE("first weights depend on the seed") {
    const auto first = find_model("demo_cnn").make();
    const auto same = find_model("demo_cnn").make();
    const auto other = find_model("demo_cnn").make();
    initialize_parameters(*first, 1);
    initialize_parameters(*same, 1);
    initialize_parameters(*other, 2);
    const auto a = first->state_dict(), b = same->state_dict(), c = other->state_dict();
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(torch::equal(a[i].second, b[i].second));
        if (a[i].second.dim() >= 2) CHECK_FALSE(torch::equal(a[i].second, c[i].second));
    }
}

TEST_CASE("a position embedding starts as sines and cosines of row and column") {
    const auto network = find_model("demo_vit").make();
    initialize_parameters(*network, 1);
    for (const auto& [name, tensor] : network->state_dict()) {
        if (name == "cls_token") CHECK(torch::all(tensor == 0).item<bool>());
        if (name != "pos_embed") continue;
        // 64 channels: 16 wavelengths from 2 patches to 16; 0.5 times sine and cosine.
        CHECK(torch::all(tensor[0][0] == 0).item<bool>());
        const torch::Tensor token = tensor[0][1 + 8 * 4 + 2];  // row 4, column 2
        const double pi = std::acos(-1.0);
        CHECK(token[15].item<double>() == Approx(0.5 * std::sin(2 * pi / 16 * 4)).margin(1e-6));
        CHECK(token[16 + 15].item<double>() ==
              Approx(0.5 * std::cos(2 * pi / 16 * 4)).margin(1e-6));
        CHECK(token[32 + 15].item<double>() ==
              Approx(0.5 * std::sin(2 * pi / 16 * 2)).margin(1e-6));
        CHECK(token[48].item<double>() == Approx(0.5 * std::cos(2 * pi / 2 * 2)).margin(1e-6));
    }
}
