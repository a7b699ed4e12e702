#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "activations/activation_config.hpp"
#include "calibration/calibration_config.hpp"
#include "data/data_config.hpp"
#include "evaluation/evaluation_config.hpp"
#include "networks/model_config.hpp"
#include "passes/sensitivity_config.hpp"
#include "quantization/quantization_config.hpp"
#include "repair/repair_config.hpp"
#include "rotation/rotation_config.hpp"

namespace comq {

// The resolved config of one run as plain values. A section lies in the room that reads it: its
// struct with the defaults in NAME_config.hpp, which knows no YAML, and the range, unit and meaning
// of its keys in NAME_keys.cpp. `run_experiment --explain` prints all.

struct ResourcesConfig {
    int threads = 0;  ///< 0: every available core
    int64_t memory_bytes = 8'000'000'000;
    std::filesystem::path cache;  ///< what later runs can use again; empty: no cache
    int64_t cache_limit_bytes = 20'000'000'000;
};

struct OutputConfig {
    std::filesystem::path file;
};

/** The resolved config of one run. Paths are absolute once load_config has returned it. */
struct ExperimentConfig {
    uint64_t seed = 0;
    std::string device = "cpu";
    ModelConfig model;
    DataConfig data;
    CalibrationConfig calibration;
    QuantizationConfig quantization;
    RotationConfig rotation;
    SensitivityConfig sensitivity;
    ActivationConfig activations;
    RepairConfig repair;
    EvaluationConfig evaluation;
    ResourcesConfig resources;
    OutputConfig output;

    bool quantizes_weights() const { return quantization.method != "none"; }
    bool reads_calibration_images() const {
        return quantizes_weights() || activations.calibrated();
    }
    bool bits_are_chosen_by(BitsCriterion criterion) const {
        return quantizes_weights() && quantization.average_bits.has_value() &&
               quantization.bits_criterion == criterion;
    }
    /** Widths at which the sensitivity of layers is measured; empty: it is not. */
    std::vector<int> sensitivity_bits() const {
        if (!quantizes_weights()) return {};
        if (!sensitivity.bits.empty()) return sensitivity.bits;
        if (bits_are_chosen_by(BitsCriterion::predictions)) return {2, 3, 4};
        return {};
    }
    bool changes_the_network() const { return quantizes_weights() || activations.bits.has_value(); }
};

}  // namespace comq
