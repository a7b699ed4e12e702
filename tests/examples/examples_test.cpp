#include <cmath>
#include <fstream>
#include <regex>
#include <sstream>

#include "core/errors.hpp"
#include "examples/idx_source.hpp"
#include "examples/stochastic_rounding.hpp"
#include "examples/worst_layer.hpp"
#include "quantization/explicit_reference.hpp"
#include "quantization/quantized_weight.hpp"
#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "table/table.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("the code of src/README.md is what is compiled here") {
    const std::string page = test::text_of(test::source_dir() / "src" / "README.md");
    const std::regex block("<!-- ([a-z_./]+) -->\n```[a-z]+\n([^`]*)```\n");
    int blocks = 0;
    for (std::sregex_iterator match(page.begin(), page.end(), block), end; match != end; ++match) {
        INFO((*match)[1]);
        const std::string file = (*match)[1];
        const std::string content = test::text_of(test::source_dir() / file);
        if (file.starts_with("tests/examples/")) {
            CHECK((*match)[2].str() == content);
        } else {
            CHECK_THAT(content, ContainsSubstring((*match)[2].str()));
        }
        ++blocks;
    }
    CHECK(blocks == 8);
    // Every guide is short enough to be read before the work is begun.
    std::istringstream lines(page);
    int length = 0;
    for (std::string line; std::getline(lines, line);) {
        length = line.starts_with("## ") ? 0 : length + 1;
        CHECK(length < 100);
    }
}

TEST_CASE("example: stochastic rounding keeps codes on the grid and is no better than nearest") {
    const test::ExplicitLayer layer = test::random_layer(7, 200, 30, 40);
    const Method method(stochastic_rounding_method, {});
    const auto weight = dequantize(method.solve(layer.problem(4)).weight);
    QuantizationConfig nearest_config;
    nearest_config.method = "rtn";
    const auto nearest = dequantize(make_method(nearest_config)->solve(layer.problem(4)).weight);
    double bias = 0, error = 0, nearest_error = 0;
    for (int64_t i = 0; i < 40 * 30; ++i) {
        const double exact = layer.weight.data()[i];
        bias += weight.data()[i] - exact;
        error += std::abs(weight.data()[i] - exact);
        nearest_error += std::abs(nearest.data()[i] - exact);
    }
    CHECK(error > nearest_error);
    // Its error is zero on average: the sum is a random walk, of 1200 steps shorter than δ/2.
    CHECK(std::abs(bias) < 0.15 * error);
}

TEST_CASE("example: the error of the worst layer is a figure of a run") {
    CHECK(worst_layer_figure.value(test::sample_run()) == 0.25);
    CHECK(std::isnan(worst_layer_figure.value(RunRecord{})));
}

TEST_CASE("example: images of MNIST's files") {
    const auto folder = test::temporary_folder();
    std::string images(16, '\0'), labels(8, '\0');
    for (int i = 0; i < 3; ++i) {
        images += std::string(28 * 28, static_cast<char>(10 * i));
        labels += static_cast<char>(7 - i);
    }
    write(folder / "t10k-images-idx3-ubyte", images);
    write(folder / "t10k-labels-idx1-ubyte", labels);
    DataConfig config;
    config.evaluation = folder;
    const auto source = idx_layout.open(config, Split::evaluation);
    CHECK(source->size() == 3);
    CHECK(source->info(1).label == 6);
    CHECK(source->content(0) != source->content(1));
    const RgbImage image = source->load(2);
    CHECK(image.pixels.size() == 28 * 28 * 3);
    CHECK(image.pixels.front() == 20);
    write(folder / "t10k-labels-idx1-ubyte", labels.substr(1));
    CHECK_THROWS_WITH(idx_layout.open(config, Split::evaluation),
                      ContainsSubstring("holds 3 images") && ContainsSubstring("2 labels"));
}

TEST_CASE("example: a table of two networks") {
    const auto file = test::source_dir() / "tests" / "examples" / "table_two_networks.yaml";
    const Table table = fill_table(read_table_spec(file, {}), {}, {});
    CHECK(table.rows.size() == 2);
    CHECK(table.missing().size() == 6);  // two of the float networks, two seeds for two networks
}
