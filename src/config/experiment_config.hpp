#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace comq {

// The resolved config of one run as plain values. A key's default is the initialiser here; its
// range, unit and meaning stand in experiment_schema.cpp, and `run_experiment --explain` prints
// all.

enum class DataLayout { imagefolder, imagenet_flat, imagenet_tar, cifar10, cifar100, demo };
enum class Selection { first, random };
enum class CalibrationTransform { eval, train };
enum class CalibrationInputs { full_precision, quantized };
enum class Weighting { none, fisher };
enum class Preset { authors_code, paper };
enum class Granularity { per_channel, per_layer, per_group };
enum class Order { cyclic, greedy, greedy_dynamic, shared };
enum class ScaleUpdate { none, closed_form };
enum class ZeroPoint { whole, half };
enum class GridChoice { automatic, minmax, searched, look_ahead };
enum class NormTuning { none, labels, full_precision_logits };
enum class StartChoice { automatic, weights, rtn, look_ahead };

struct ModelConfig {
    std::string name;               ///< a name of the model registry
    std::filesystem::path weights;  ///< checkpoint file; empty: the model's embedded weights
    std::string sha256;             ///< expected digest of the checkpoint; empty: not checked
};

struct DataConfig {
    std::filesystem::path root;  ///< base of the relative paths below
    DataLayout layout = DataLayout::imagefolder;
    std::filesystem::path calibration;  ///< resolved against root
    std::filesystem::path evaluation;   ///< resolved against root
    std::filesystem::path synsets;      ///< sorted wnids, a line each; empty: folder names sorted
    std::filesystem::path labels;       ///< ground truth of imagenet_flat and imagenet_tar
    int64_t max_bad_images = 0;
};

struct CalibrationConfig {
    int64_t images = 1024;
    Selection selection = Selection::random;
    int64_t holdout = 0;     ///< further images whose rows only measure, never fit
    int64_t batch_size = 8;  ///< images of one micro-batch: forward and Gram of one task
    CalibrationTransform transform = CalibrationTransform::eval;
    CalibrationInputs inputs = CalibrationInputs::full_precision;
    std::optional<int64_t> rows_per_image;  ///< of each layer, drawn by the seed; none: all
    Weighting weighting = Weighting::none;
    double weighting_power = 0.5;
    double weighting_share = 0.9;  ///< of the weighted Gram in its mixture with the plain one
};

/** A rule of `quantization.layers`; the first whose glob matches a layer's name decides. */
struct LayerRule {
    std::string match;
    std::optional<bool> quantize;
    std::optional<int> bits;
};

struct QuantizationConfig {
    std::string method = "comq";  ///< a name of the method registry, or "none"
    Preset preset = Preset::paper;
    int bits = 4;
    Granularity granularity = Granularity::per_channel;
    int64_t group_size = 64;  ///< most inputs that share a scale when granularity is per_group
    bool symmetric = false;
    ZeroPoint zero_point = ZeroPoint::whole;
    GridChoice grid = GridChoice::automatic;
    StartChoice start = StartChoice::automatic;
    Order order = Order::greedy;
    int sweeps = 4;
    ScaleUpdate scale_update = ScaleUpdate::closed_form;  ///< after each sweep
    double scalar = 1.0;
    std::vector<LayerRule> layers;
};

/** What is mended beside the weights; all of it is off by default. */
struct RepairConfig {
    bool fold_batch_norm = false;
    bool bias_correction = false;
    bool reestimate_batch_norm = false;
    NormTuning norm_tuning = NormTuning::none;
    std::optional<int64_t> images;  ///< none: the calibration images
    int64_t batch_size = 25;        ///< images of a step of tuning, or of a batch of statistics
    int64_t epochs = 6;
    double learning_rate = 2e-3;
    bool flips = true;
};

struct EvaluationConfig {
    std::optional<int64_t> images;        ///< none: all
    int64_t batch_size = 8;               ///< images of one micro-batch
    std::optional<double> expected_top1;  ///< percent; overrides the data set's descriptor
};

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
    RepairConfig repair;
    EvaluationConfig evaluation;
    ResourcesConfig resources;
    OutputConfig output;
};

}  // namespace comq
