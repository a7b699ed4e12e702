#include <algorithm>
#include <filesystem>
#include <optional>
#include <regex>
#include <set>
#include <string>

#include "quantization/explicit_reference.hpp"
#include "quantization/method.hpp"
#include "storage/safetensors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

struct GoldenLayer {
    TensorMap tensors;
    Matrix<double> gram;
    Matrix<float> weight;
};

GoldenLayer read_golden_layer(const fs::path& file) {
    GoldenLayer layer{read_safetensors(file).tensors, {}, {}};
    const HostTensor& inputs = layer.tensors.at("X");
    const HostTensor& weight = layer.tensors.at("W");
    const int64_t rows = inputs.shape.at(0);
    const int64_t m = inputs.shape.at(1);
    const auto x = inputs.as<float>();
    layer.gram = Matrix<double>(m, m);
    for (int64_t t = 0; t < rows; ++t) {
        for (int64_t i = 0; i < m; ++i) {
            const double scaled = x[t * m + i];
            for (int64_t j = 0; j < m; ++j) {
                layer.gram(i, j) += scaled * static_cast<double>(x[t * m + j]);
            }
        }
    }
    layer.weight = Matrix<float>(weight.shape.at(0), m);
    const auto w = weight.as<float>();
    std::copy(w.begin(), w.end(), layer.weight.data());
    return layer;
}

/** What the name of a case says: w<bits>.<order>.k<sweeps>[.s<scalar>].codes */
std::optional<QuantizationConfig> parse_case(const std::string& name) {
    static const std::regex pattern(R"(w(\d)\.(cyclic|greedy)\.k(\d+)(?:\.s([\d.]+))?\.codes)");
    std::smatch match;
    if (!std::regex_match(name, match, pattern)) return std::nullopt;
    QuantizationConfig config;
    config.method = "comq";
    config.preset = Preset::authors_code;
    config.scale_update = ScaleUpdate::none;
    config.bits = std::stoi(match[1]);
    config.order = match[2] == "greedy" ? Order::greedy : Order::cyclic;
    config.sweeps = std::stoi(match[3]);
    config.scalar = match[4].matched ? std::stod(match[4]) : 1.0;
    return config;
}

struct Agreement {
    double codes;
    double channels;
};

Agreement compare_codes(const Matrix<uint8_t>& codes, const HostTensor& expected) {
    const auto reference = expected.as<uint8_t>();
    int64_t same_codes = 0;
    int64_t same_channels = 0;
    for (int64_t j = 0; j < codes.rows(); ++j) {
        int64_t same = 0;
        for (int64_t i = 0; i < codes.cols(); ++i) {
            same += codes(j, i) == reference[j * codes.cols() + i];
        }
        same_codes += same;
        same_channels += same == codes.cols();
    }
    return {static_cast<double>(same_codes) / static_cast<double>(codes.rows() * codes.cols()),
            static_cast<double>(same_channels) / static_cast<double>(codes.rows())};
}

/** The bars are those of the reference values' README: its Gram form in fp64 meets them. */
int check_golden_layer(const fs::path& file) {
    const GoldenLayer layer = read_golden_layer(file);
    const auto norm = layer.tensors.at("column_norm").as<float>();
    int cases = 0;
    for (const auto& [name, expected] : layer.tensors) {
        const std::optional<QuantizationConfig> config = parse_case(name);
        if (!config) continue;
        ++cases;
        CAPTURE(file.filename().string(), name);
        GroupProblem problem;
        problem.layer = file.stem().string();
        problem.bits = config->bits;
        problem.weight = layer.weight.view();
        problem.gram = layer.gram.view();
        const auto method = make_method(*config);

        const QuantizedWeight own_norms = method->solve(problem).weight;
        CHECK(compare_codes(own_norms.bit_code, expected).codes >= 0.99);

        problem.column_norm.assign(norm.begin(), norm.end());
        const QuantizedWeight weight = method->solve(problem).weight;
        const Agreement agreement = compare_codes(weight.bit_code, expected);
        CHECK(agreement.codes >= 0.997);
        CHECK(agreement.channels >= 0.99);
        const std::string error_name = name.substr(0, name.size() - 5) + "error";
        CHECK(test::group_error(problem.gram, problem.weight, weight).error ==
              Approx(layer.tensors.at(error_name).as<float>()[0]).epsilon(1e-3));

        const std::string prefix = "w" + std::to_string(config->bits);
        const auto delta = layer.tensors.at(prefix + ".delta").as<float>();
        const auto zero = layer.tensors.at(prefix + ".zero").as<int32_t>();
        for (int64_t j = 0; j < weight.out_features(); ++j) {
            CHECK(weight.scale(j, 0) ==
                  static_cast<float>(config->scalar * static_cast<double>(delta[j])));
            CHECK(weight.zero_point(j, 0) == static_cast<float>(zero[j]));
        }
    }
    return cases;
}

}  // namespace

TEST_CASE("authors_code equals the authors' codes on the golden synthetic layer") {
    const fs::path file =
        test::source_dir() / "tests/data/golden/solver/synthetic_48x32.safetensors";
    CHECK(check_golden_layer(file) == 16);
}

TEST_CASE("authors_code equals the authors' codes on every golden layer") {
    COMQ_NEED_GOLDEN(golden);
    std::set<fs::path> files;
    for (const auto& entry : fs::directory_iterator(golden / "solver")) {
        if (entry.path().extension() == ".safetensors") files.insert(entry.path());
    }
    REQUIRE_FALSE(files.empty());
    for (const fs::path& file : files) CHECK(check_golden_layer(file) > 0);
}
