#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment_config/config_text.hpp"
#include "report/mcnemar.hpp"
#include "results/run_record.hpp"

namespace comq {

/** How two runs treat one layer. */
struct LayerComparison {
    std::string name;
    bool in_first = true;
    bool in_second = true;
    int64_t first_bits = 0;
    int64_t second_bits = 0;
    double first_relative_error = not_measured;
    double second_relative_error = not_measured;
    /** Share of equal bit codes, 0…1; none when codes are missing or of different shapes. */
    std::optional<double> equal_codes;
    /** Codes, scales and zero points are the same, bit for bit. */
    bool same_weights = false;
};

/** Two evaluations of one network (full precision or quantized). */
struct AccuracyComparison {
    std::string network;
    double first_top1 = not_measured;
    double first_standard_error = not_measured;
    double second_top1 = not_measured;
    double second_standard_error = not_measured;
    int64_t differing_predictions = 0;  ///< of the same images
    std::optional<McNemarTest> paired;  ///< none when the images or their labels differ
};

struct RunComparison {
    std::vector<DifferingKey> config;
    std::vector<DifferingKey> provenance;
    std::vector<LayerComparison> layers;  ///< every layer, in the order of the first run
    std::vector<AccuracyComparison> accuracies;
};

RunComparison compare_runs(const RunRecord& first, const RunRecord& second);

/** For people; only what differs, and one line for what is equal. */
std::string describe_comparison(const RunComparison& comparison);

}  // namespace comq
