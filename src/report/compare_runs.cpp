#include "report/compare_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>

#include "core/check.hpp"
#include "core/json_text.hpp"
#include "report/value_text.hpp"

namespace comq {

namespace {

using Json = nlohmann::ordered_json;

/** P(B ≤ k) for B ~ Binomial(n, ½); in logarithms, since 2^-n underflows for a large n. */
double binomial_half_below(int64_t k, int64_t n) {
    const auto log_factorial = [](int64_t i) { return std::lgamma(static_cast<double>(i) + 1); };
    double sum = 0;
    for (int64_t i = 0; i <= k; ++i) {
        sum += std::exp(log_factorial(n) - log_factorial(i) - log_factorial(n - i) -
                        static_cast<double>(n) * std::log(2.0));
    }
    return sum;
}

ConfigValues provenance_values(const RunRecord& run) {
    ConfigValues values;
    visit_fields(run.provenance, [&](const char* name, const auto& value) {
        values[name] = fmt::format("{}", value);
    });
    return values;
}

bool equal(const HostTensor& a, const HostTensor& b) {
    return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.bytes(), b.bytes());
}

std::optional<double> share_of_equal_codes(const LayerRecord& a, const LayerRecord& b) {
    if (a.bit_code.shape != b.bit_code.shape || a.bit_code.numel() == 0) return std::nullopt;
    const auto left = a.bit_code.as<uint8_t>();
    const auto right = b.bit_code.as<uint8_t>();
    int64_t equal_codes = 0;
    for (std::size_t i = 0; i < left.size(); ++i) equal_codes += left[i] == right[i];
    return static_cast<double>(equal_codes) / static_cast<double>(left.size());
}

LayerComparison compare_layers(const LayerRecord* first, const LayerRecord* second) {
    LayerComparison result;
    result.name = first != nullptr ? first->name : second->name;
    if (first != nullptr) result.first = {first->bits, first->relative_error};
    if (second != nullptr) result.second = {second->bits, second->relative_error};
    if (first != nullptr && second != nullptr) {
        result.equal_codes = share_of_equal_codes(*first, *second);
        result.same_weights = equal(first->bit_code, second->bit_code) &&
                              equal(first->scale, second->scale) &&
                              equal(first->zero_point, second->zero_point);
    }
    return result;
}

std::vector<LayerComparison> compare_all_layers(const RunRecord& first, const RunRecord& second) {
    const auto find = [](const RunRecord& run, const std::string& name) -> const LayerRecord* {
        const auto found = std::ranges::find(run.layers, name, &LayerRecord::name);
        return found == run.layers.end() ? nullptr : &*found;
    };
    std::vector<LayerComparison> result;
    for (const LayerRecord& layer : first.layers) {
        result.push_back(compare_layers(&layer, find(second, layer.name)));
    }
    for (const LayerRecord& layer : second.layers) {
        if (find(first, layer.name) == nullptr) result.push_back(compare_layers(nullptr, &layer));
    }
    return result;
}

DivergenceComparison compare_divergences(const std::vector<double>& first,
                                         const std::vector<double>& second) {
    std::vector<double> differences;
    std::ranges::transform(second, first, std::back_inserter(differences), std::minus<>());
    DivergenceComparison comparison{mean_of(first), mean_of(second), mean_of(differences)};
    const auto& [mean, error] = comparison.difference;
    if (mean != 0.0) comparison.p_value = std::erfc(std::abs(mean) / error / std::sqrt(2.0));
    return comparison;
}

/**
 * Pairs the images of two evaluations by id; leaves `paired` empty when they aren't the same. Where
 * they are `known` to be, labels may differ: of several right ones each network has its best.
 */
void pair_images(const EvaluationRecord& first, const EvaluationRecord& second, bool known,
                 AccuracyComparison& comparison) {
    std::map<std::string, std::size_t> position_of;
    for (std::size_t i = 0; i < second.image.size(); ++i) position_of[second.image[i]] = i;
    if (first.image.empty() || first.image.size() != second.image.size()) return;
    std::vector<uint8_t> first_right;
    std::vector<uint8_t> second_right;
    std::vector<double> second_divergence;
    int64_t differing = 0;
    for (std::size_t i = 0; i < first.image.size(); ++i) {
        const auto found = position_of.find(first.image[i]);
        if (found == position_of.end()) return;
        const std::size_t j = found->second;
        if (!known && first.label[i] != second.label[j]) return;
        first_right.push_back(first.prediction[i] == first.label[i]);
        second_right.push_back(second.prediction[j] == second.label[j]);
        differing += first.prediction[i] != second.prediction[j];
        if (!second.kl.empty()) second_divergence.push_back(second.kl[j]);
    }
    comparison.differing_predictions = differing;
    comparison.paired = mcnemar_test(first_right, second_right);
    if (!first.kl.empty() && !second.kl.empty()) {
        comparison.divergence = compare_divergences(first.kl, second_divergence);
    }
}

/** The sets that either run has, in the order of the first. */
std::vector<std::string> sets_of(const RunRecord& first, const RunRecord& second) {
    std::vector<std::string> names = set_names(first);
    for (const std::string& name : set_names(second)) {
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    return names;
}

/** What a run predicts for one set of images, and their digest; nothing where it has no such set.
 */
struct Evaluated {
    const Evaluations& on;
    std::string images;
};

Evaluated evaluated_on(const RunRecord& run, const std::string& set) {
    static const Evaluations none;
    const auto found = std::ranges::find(run.sets, set, &SetRecord::name);
    if (found == run.sets.end()) return {none, ""};
    return {*found, found->images};
}

void compare_evaluations(const Evaluated& first, const Evaluated& second, const std::string& set,
                         std::vector<AccuracyComparison>& comparisons) {
    const bool same_images = !first.images.empty() && first.images == second.images;
    const auto compare = [&](const char* network,
                             std::optional<EvaluationRecord> Evaluations::*evaluation) {
        const auto& a = first.on.*evaluation;
        const auto& b = second.on.*evaluation;
        if (!a && !b) return;
        const auto top1 = [](const std::optional<EvaluationRecord>& of) {
            return of ? Measurement{of->top1, of->top1_standard_error} : Measurement{};
        };
        comparisons.push_back({network, set, top1(a), top1(b)});
        if (a && b) pair_images(*a, *b, same_images, comparisons.back());
    };
    compare("full-precision", &Evaluations::full_precision);
    compare("quantized", &Evaluations::quantized);
}

std::vector<AccuracyComparison> compare_accuracies(const RunRecord& first,
                                                   const RunRecord& second) {
    std::vector<AccuracyComparison> comparisons;
    compare_evaluations({first, first.provenance.evaluation_images},
                        {second, second.provenance.evaluation_images}, "", comparisons);
    for (const std::string& set : sets_of(first, second)) {
        compare_evaluations(evaluated_on(first, set), evaluated_on(second, set), set, comparisons);
    }
    return comparisons;
}

std::vector<FigureComparison> compare_figures(const RunRecord& first, const RunRecord& second) {
    std::vector<FigureComparison> differing;
    for (const Figure& figure : figures_with(sets_of(first, second))) {
        const FigureComparison both{find_figure(figure.name), figure.of(first), figure.of(second)};
        const bool either = both.first.exists() || both.second.exists();
        if (either && both.first.value != both.second.value) differing.push_back(both);
    }
    return differing;
}

/** Figures of both runs as they are printed. */
std::vector<DifferingKey> printed(const std::vector<FigureComparison>& figures) {
    std::vector<DifferingKey> lines;
    for (const auto& [figure, first, second] : figures) {
        lines.push_back({figure->name, format_number(first.value, figure->digits),
                         format_number(second.value, figure->digits)});
    }
    return lines;
}

std::string describe_keys(const char* title, const std::vector<DifferingKey>& keys) {
    if (keys.empty()) return fmt::format("{}: no difference\n", title);
    std::string text = fmt::format("{}: {} differ\n", title, keys.size());
    for (const DifferingKey& key : keys) {
        text += fmt::format("  {:<28} {} | {}\n", key.key, key.first, key.second);
    }
    return text;
}

std::string describe_accuracy(const AccuracyComparison& accuracy) {
    std::string text =
        fmt::format("{} Top-1{} (%): {} | {}", accuracy.network,
                    accuracy.set.empty() ? "" : " on " + accuracy.set,
                    format_accuracy(accuracy.first), format_accuracy(accuracy.second));
    if (!accuracy.paired) return text + "; not the same images, so no paired test\n";
    const McNemarTest& test = *accuracy.paired;
    text += fmt::format(
        "\n  {} images, {} predicted differently; only the first is right on {}, only "
        "the second on {}\n  second − first: {:+.2f} ± {:.2f}, McNemar's exact p = "
        "{:.3g}\n",
        test.images, accuracy.differing_predictions, test.only_first_right, test.only_second_right,
        test.difference, test.standard_error, test.p_value);
    if (!accuracy.divergence) return text;
    const auto& [first, second, difference, p_value] = *accuracy.divergence;
    return text +
           fmt::format(
               "  KL from full precision (nats): {:.4f} ± {:.4f} | {:.4f} ± {:.4f}; second − "
               "first, by image: {:+.4f} ± {:.4f}, p = {:.3g}\n",
               first.value, first.standard_error, second.value, second.standard_error,
               difference.value, difference.standard_error, p_value);
}

std::string error_text(const std::optional<LayerComparison::Side>& side) {
    return side ? fmt::format("{} bits, {:.5f}", side->bits, side->relative_error) : "(none)";
}

std::string describe_layers(const std::vector<LayerComparison>& layers) {
    std::string text;
    std::size_t same = 0;
    std::size_t width = 0;
    for (const LayerComparison& layer : layers) width = std::max(width, layer.name.size());
    for (const LayerComparison& layer : layers) {
        if (layer.same_weights) {
            ++same;
            continue;
        }
        text += fmt::format("  {:<{}}  {} | {}{}\n", layer.name, width, error_text(layer.first),
                            error_text(layer.second),
                            layer.equal_codes ? fmt::format(", {:.2f}% of the codes equal",
                                                            100 * *layer.equal_codes)
                                              : std::string());
    }
    return fmt::format("layers: {} of {} with identical codes, scales and zero points{}\n{}", same,
                       layers.size(),
                       text.empty() ? "" : "; bits and relative errors of the others:", text);
}

Json keys_json(const std::vector<DifferingKey>& keys) {
    Json array = Json::array();
    for (const DifferingKey& key : keys) {
        array.push_back({{"key", key.key}, {"first", key.first}, {"second", key.second}});
    }
    return array;
}

Json paired_test_json(const AccuracyComparison& accuracy) {
    if (!accuracy.paired) return nullptr;
    const McNemarTest& test = *accuracy.paired;
    return {{"images", test.images},
            {"differing_predictions", accuracy.differing_predictions},
            {"only_first_right", test.only_first_right},
            {"only_second_right", test.only_second_right},
            {"difference", with_decimals(test.difference, 2)},
            {"standard_error", with_decimals(test.standard_error, 2)},
            {"p_value", with_digits(test.p_value, 3)}};
}

Json divergence_json(const AccuracyComparison& accuracy) {
    if (!accuracy.divergence) return nullptr;
    const auto& [first, second, difference, p_value] = *accuracy.divergence;
    return {{"first_kl", with_digits(first.value, 5)},
            {"first_standard_error", with_digits(first.standard_error, 3)},
            {"second_kl", with_digits(second.value, 5)},
            {"second_standard_error", with_digits(second.standard_error, 3)},
            {"difference", with_digits(difference.value, 5)},
            {"standard_error", with_digits(difference.standard_error, 3)},
            {"p_value", with_digits(p_value, 3)}};
}

Json accuracy_json(const AccuracyComparison& accuracy) {
    return {{"network", accuracy.network},
            {"set", accuracy.set.empty() ? Json(nullptr) : Json(accuracy.set)},
            {"first_top1", with_decimals(accuracy.first.value, 2)},
            {"first_standard_error", with_decimals(accuracy.first.standard_error, 2)},
            {"second_top1", with_decimals(accuracy.second.value, 2)},
            {"second_standard_error", with_decimals(accuracy.second.standard_error, 2)},
            {"paired_test", paired_test_json(accuracy)},
            {"paired_divergence", divergence_json(accuracy)}};
}

Json layer_json(const LayerComparison& layer) {
    const auto bits = [](const auto& side) { return side ? Json(side->bits) : Json(nullptr); };
    const auto error = [](const auto& side) {
        return with_digits(side ? side->relative_error : not_measured, 5);
    };
    return {{"name", layer.name},
            {"first_bits", bits(layer.first)},
            {"second_bits", bits(layer.second)},
            {"first_relative_error", error(layer.first)},
            {"second_relative_error", error(layer.second)},
            {"equal_codes_percent",
             with_decimals(layer.equal_codes ? 100 * *layer.equal_codes : not_measured, 2)},
            {"same_weights", layer.same_weights}};
}

}  // namespace

McNemarTest mcnemar_test(std::span<const uint8_t> first, std::span<const uint8_t> second) {
    COMQ_CHECK(first.size() == second.size());
    McNemarTest test;
    test.images = static_cast<int64_t>(first.size());
    for (std::size_t i = 0; i < first.size(); ++i) {
        test.only_first_right += first[i] != 0 && second[i] == 0;
        test.only_second_right += first[i] == 0 && second[i] != 0;
    }
    const int64_t discordant = test.only_first_right + test.only_second_right;
    if (discordant == 0) return test;
    const auto n = static_cast<double>(test.images);
    const double mean = static_cast<double>(test.only_second_right - test.only_first_right) / n;
    test.difference = 100 * mean;
    test.standard_error = 100 * std::sqrt((static_cast<double>(discordant) / n - mean * mean) / n);
    const int64_t fewer = std::min(test.only_first_right, test.only_second_right);
    test.p_value = std::min(1.0, 2 * binomial_half_below(fewer, discordant));
    return test;
}

RunComparison compare_runs(const RunRecord& first, const RunRecord& second,
                           const std::string& first_file, const std::string& second_file) {
    RunComparison comparison;
    comparison.config = differing_values(config_values(first.config, first_file),
                                         config_values(second.config, second_file));
    comparison.provenance = differing_values(provenance_values(first), provenance_values(second));
    comparison.layers = compare_all_layers(first, second);
    comparison.accuracies = compare_accuracies(first, second);
    comparison.figures = compare_figures(first, second);
    return comparison;
}

std::string describe_comparison(const RunComparison& comparison) {
    std::string text = describe_keys("config keys", comparison.config);
    text += describe_keys("provenance", comparison.provenance);
    for (const AccuracyComparison& accuracy : comparison.accuracies) {
        text += describe_accuracy(accuracy);
    }
    text += describe_keys("figures", printed(comparison.figures));
    return text + describe_layers(comparison.layers);
}

nlohmann::ordered_json comparison_json(const RunComparison& comparison) {
    Json json{{"accuracies", Json::array()}, {"figures", Json::array()}};
    for (const AccuracyComparison& accuracy : comparison.accuracies) {
        json["accuracies"].push_back(accuracy_json(accuracy));
    }
    for (const auto& [figure, first, second] : comparison.figures) {
        json["figures"].push_back({{"figure", figure->name},
                                   {"first", figure_number(*figure, first.value)},
                                   {"second", figure_number(*figure, second.value)}});
    }
    json["config"] = keys_json(comparison.config);
    json["provenance"] = keys_json(comparison.provenance);
    json["layers"] = Json::array();
    for (const LayerComparison& layer : comparison.layers) {
        json["layers"].push_back(layer_json(layer));
    }
    return json;
}

}  // namespace comq
