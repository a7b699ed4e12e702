#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "accuracy/estimate.hpp"
#include "config/config_values.hpp"
#include "results/figures.hpp"

namespace comq {

/** McNemar's test of two classifiers on the same images (McNemar 1947). */
struct McNemarTest {
    int64_t images = 0;
    int64_t only_first_right = 0;
    int64_t only_second_right = 0;
    double difference = 0;      ///< accuracy of the second minus that of the first, percent
    double standard_error = 0;  ///< of that difference, paired, percent
    double p_value = 1;         ///< exact, two-sided: only_second_right ~ Binomial(discordant, ½)
};

/** `first` and `second` tell for each image whether it was classified rightly; of one length. */
McNemarTest mcnemar_test(std::span<const uint8_t> first, std::span<const uint8_t> second);

/** How two runs treat one layer. */
struct LayerComparison {
    struct Side {
        int64_t bits = 0;
        double relative_error = not_measured;
    };

    std::string name;
    std::optional<Side> first;  ///< none: the run does not quantize it
    std::optional<Side> second;
    /** Share of equal bit codes, 0…1; none when codes are missing or of different shapes. */
    std::optional<double> equal_codes;
    /** Codes, scales and zero points are the same, bit for bit. */
    bool same_weights = false;
};

/** How far each of two runs is from the full-precision predictions, on the same images. */
struct DivergenceComparison {
    Estimate first;  ///< mean KL, nats
    Estimate second;
    Estimate difference;  ///< mean over images of second − first
    double p_value = 1;   ///< two-sided, of a difference of zero: the mean is taken as normal
};

/** Two evaluations of one network (full precision or quantized). */
struct AccuracyComparison {
    std::string network;
    std::string set;    ///< of `evaluation.sets`; empty: the images of the runs
    Measurement first;  ///< Top-1, percent
    Measurement second;
    int64_t differing_predictions = 0;    ///< of the same images
    std::optional<McNemarTest> paired{};  ///< none when the images or their labels differ
    std::optional<DivergenceComparison> divergence{};  ///< none, too, where one has no divergences
};

/** A figure that two runs measured differently, or only one of them. */
struct FigureComparison {
    const Figure* figure = nullptr;
    Measurement first;
    Measurement second;
};

struct RunComparison {
    std::vector<DifferingKey> config;
    std::vector<DifferingKey> provenance;
    std::vector<LayerComparison> layers;  ///< every layer, in the order of the first run
    std::vector<AccuracyComparison> accuracies;
    std::vector<FigureComparison> figures;  ///< that differ
};

/** Throws InputError naming the file of a run whose stored config is damaged. */
RunComparison compare_runs(const RunRecord& first, const RunRecord& second,
                           const std::string& first_file = "the first run",
                           const std::string& second_file = "the second run");

/** For people; only what differs, and one line for what is equal. */
std::string describe_comparison(const RunComparison& comparison);

/** For programs: what describe_comparison() says, and every layer. */
nlohmann::ordered_json comparison_json(const RunComparison& comparison);

}  // namespace comq
