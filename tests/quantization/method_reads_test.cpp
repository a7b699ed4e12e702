#include <algorithm>
#include <map>
#include <optional>

#include "core/errors.hpp"
#include "quantization/explicit_reference.hpp"
#include "quantization/method.hpp"
#include "quantization/quantization_keys.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;

namespace {

/** Read by every run, whatever the method. */
bool is_of_the_plan(const std::string& key) {
    return key == "method" || key == "bits" || key == "average_bits" || key == "bits_criterion" ||
           key == "layers";
}

struct Setting {
    std::string key;
    std::string value;
};

/** Every value of keys that are names, two of the others. */
std::vector<Setting> settings_of(const KeyInfo& info) {
    static const std::map<std::string, std::vector<std::string>> numbers = {
        {"group_size", {"4", "6"}},
        {"sweeps", {"1", "6"}},
        {"iterations", {"5", "300"}},
        {"scalar", {"0.8", "1"}}};
    std::vector<std::string> values = info.choices;
    if (values.empty()) {
        INFO("give two values of " << info.key << " above");
        REQUIRE(numbers.contains(info.key));
        values = numbers.at(info.key);
    }
    std::vector<Setting> settings;
    for (const std::string& value : values) settings.push_back({info.key, value});
    return settings;
}

QuantizationConfig config_of(const std::string& method, const std::vector<Setting>& settings) {
    static const auto schema = quantization_keys({});
    QuantizationConfig config;
    config.method = method;
    GivenKeys given;
    ConfigProblems problems;
    for (const auto& [key, value] : settings) {
        const auto document = parse_yaml(key + ": " + value, "test", problems);
        schema.read(*document, config, given, problems);
    }
    problems.throw_if_any();
    return config;
}

/** What a method finds; none where it refuses the config. */
using Found = std::optional<std::vector<float>>;

Found found(const QuantizationConfig& config, const GroupProblem& problem) {
    try {
        const QuantizedWeight weight = make_method(config)->solve(problem).weight;
        std::vector<float> all;
        const auto append = [&](const auto& matrix) {
            all.insert(all.end(), matrix.data(), matrix.data() + matrix.rows() * matrix.cols());
        };
        append(weight.bit_code);
        append(weight.scale);
        append(weight.zero_point);
        return all;
    } catch (const UsageError&) {
        return std::nullopt;
    }
}

}  // namespace

TEST_CASE("a method names just the keys that can change what it finds") {
    const auto keys = quantization_keys({}).keys();
    const ExplicitLayer plain = random_layer(81, 40, 12, 5);
    const ExplicitLayer other = random_layer(82, 40, 12, 5);
    Matrix<double> change(12, 12);
    for (int64_t i = 0; i < 144; ++i) change.data()[i] = 0.05 * other.gram.data()[i];
    GroupProblem changed = plain.problem(2);
    changed.input_change = change.view();
    const std::vector<GroupProblem> problems{plain.problem(2), other.problem(3), changed};

    // Each key is tried beside every value of every other key.
    std::vector<std::vector<Setting>> surroundings{{}};
    for (const KeyInfo& info : keys) {
        if (is_of_the_plan(info.key)) continue;
        for (const Setting& setting : settings_of(info)) surroundings.push_back({setting});
    }
    for (const std::string& method : method_names()) {
        for (const KeyInfo& info : keys) {
            if (is_of_the_plan(info.key)) {
                CHECK(method_reads(method, info.key));
                continue;
            }
            const std::vector<Setting> settings = settings_of(info);
            const auto can_change = [&](const GroupProblem& problem, std::vector<Setting> around) {
                std::vector<Found> results;
                for (const Setting& setting : settings) {
                    around.push_back(setting);
                    results.push_back(found(config_of(method, around), problem));
                    around.pop_back();
                }
                return std::ranges::any_of(
                    results, [&](const Found& result) { return result != results.front(); });
            };
            bool changes = false;
            for (const GroupProblem& problem : problems) {
                for (const auto& around : surroundings) {
                    changes = changes || can_change(problem, around);
                }
            }
            INFO(method << " and quantization." << info.key);
            CHECK(changes == method_reads(method, info.key));
        }
    }
}

TEST_CASE("who reads a key is known by name, of others' methods nothing") {
    CHECK(methods_that_read("sweeps") == std::vector<std::string>{"beacon", "comq"});
    CHECK(methods_that_read("bits") == method_names());
    CHECK(methods_that_read("no_such_key").empty());
    CHECK(method_reads("brevitas_gptq", "sweeps"));
    CHECK(method_reads("none", "sweeps"));
    CHECK_FALSE(method_reads("gptq", "sweeps"));
}
