#include "quantization/gram_panels.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random.hpp"
#include "quantization/explicit_reference.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

TEST_CASE("panels hold the Gram in fp32 in units of a power of two") {
    for (const int64_t m : {1, 31, 32, 33, 100}) {
        const ExplicitLayer layer = random_layer(81, 50, m, 1);
        const GramPanels panels(layer.gram.view());
        CHECK(panels.panels() == (m + 31) / 32);
        int exponent = 0;
        CHECK(std::frexp(panels.unit(), &exponent) == 0.5);
        for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < m; ++j) {
                CHECK(panels.column(j)[i * GramPanels::width] ==
                      static_cast<float>(layer.gram(i, j) / panels.unit()));
            }
        }
    }
}

TEST_CASE("combinations of rows are subtracted from each channel's vector") {
    const int64_t m = 45;
    const int64_t channels = 5;
    const int64_t count = 7;
    const ExplicitLayer layer = random_layer(82, 60, m, 1);
    const GramPanels panels(layer.gram.view());
    const RandomStream random(3, "rows");
    for (const bool shared : {false, true}) {
        PanelVectors vectors(channels, m);
        const int64_t stride = 8;
        std::vector<int32_t> row(vectors.channels() * stride, 0);
        std::vector<float> factor(vectors.channels() * stride, 0.0F);
        for (int64_t c = 0; c < channels; ++c) {
            for (int64_t s = 0; s < count; ++s) {
                row[c * stride + s] = static_cast<int32_t>(random.below(c * count + s, m));
                factor[c * stride + s] = static_cast<float>(random.normal(c * count + s));
            }
        }
        std::vector<double> when_told;  // of the last channel, as each panel was called done
        subtract_gram_rows(panels, {row.data(), factor.data(), stride, count, shared}, vectors,
                           [&](int64_t p) {
                               for (int64_t j = p * GramPanels::width;
                                    j < std::min(m, (p + 1) * GramPanels::width); ++j) {
                                   when_told.push_back(vectors.at(channels - 1, j));
                               }
                           });
        for (int64_t c = 0; c < channels; ++c) {
            std::vector<double> values(m);
            vectors.copy_channel(c, values.data(), m);
            for (int64_t j = 0; j < m; ++j) {
                float sum = 0;
                for (int64_t s = 0; s < count; ++s) {
                    const int32_t i = row[(shared ? 0 : c) * stride + s];
                    sum += panels.column(j)[i * GramPanels::width] * factor[c * stride + s];
                }
                CHECK(values[j] == -double{sum});
                CHECK(vectors.at(c, j) == values[j]);
            }
            if (c == channels - 1) CHECK(when_told == values);
        }
    }
}

TEST_CASE("Gram products, to the precision of fp32") {
    const ExplicitLayer layer = random_layer(83, 60, 75, 3);
    const GramPanels panels(layer.gram.view());
    const Matrix<double> products = gram_products(panels, layer.weight.view());
    for (int64_t c = 0; c < 3; ++c) {
        for (int64_t j = 0; j < 75; ++j) {
            double expected = 0;
            double magnitude = 0;
            for (int64_t i = 0; i < 75; ++i) {
                const double term = layer.gram(i, j) * layer.weight(c, i) / panels.unit();
                expected += term;
                magnitude += std::fabs(term);
            }
            CHECK(std::fabs(products(c, j) - expected) <= 1e-6 * magnitude);
        }
    }
}
