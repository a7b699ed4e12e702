#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "results/provenance.hpp"
#include "storage/host_tensor.hpp"

namespace comq {

/** The status of every result file: what is not finished is in a journal. */
inline constexpr const char* complete_status = "complete";

inline constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

/**
 * One quantized layer: W is the float weight as [out, m], Wq = scale·(bit_code + zero_point), X
 * the full-precision rows of the calibration images. Errors that were not measured are NaN.
 */
struct LayerRecord {
    std::string name;          ///< path of the module ("blocks.0.attn.qkv")
    std::string kind;          ///< "linear" or "convolution"
    int64_t in_features = 0;   ///< m, inputs of one output channel (im2col for convolutions)
    int64_t out_features = 0;  ///< n, output channels
    int64_t groups = 1;        ///< of a convolution
    int64_t bits = 0;
    int64_t levels_used = 0;               ///< most distinct codes in one channel, at most 2^bits
    double error = not_measured;           ///< ‖X(W − Wq)‖_F
    double relative_error = not_measured;  ///< ‖X(W − Wq)‖_F / ‖XW‖_F
    double sqnr_db = not_measured;         ///< −20·log10(relative_error)
    double rtn_relative_error = not_measured;      ///< relative_error of round-to-nearest
    double heldout_relative_error = not_measured;  ///< relative_error on rows that fitted nothing
    double weight_error = not_measured;            ///< ‖W − Wq‖_F / ‖W‖_F
    double cumulative_error = not_measured;  ///< ‖Y − Ỹ‖_F / ‖XW‖_F, Ỹ in the quantized network
    int64_t sweeps = 0;                      ///< sweeps over the codes that were done
    double seconds = 0;                      ///< of solving, without calibration
    double propagation = not_measured;        ///< strength of error propagation; NaN: none
    double residual_strength = not_measured;  ///< of its residual target; NaN: none
    int64_t passes = 1;  ///< over the network that it has seen; in journals alone

    HostTensor bit_code;    ///< [out, m] u8
    HostTensor scale;       ///< [out, scale groups] f32
    HostTensor zero_point;  ///< [out, scale groups] f32
};

/**
 * Rounding of the inputs of one layer: the range of values that the levels cover. Both columns hold
 * one number, or one an input channel; none when ranges are found while the network runs.
 */
struct ActivationRecord {
    std::string layer;
    int64_t bits = 0;
    HostTensor minimum;  ///< [ranges] f32
    HostTensor maximum;
};

/** Accuracy of one network on the evaluation images; the per-image columns are of one length. */
struct EvaluationRecord {
    double top1 = not_measured;                 ///< percent
    double top5 = not_measured;                 ///< percent
    double top1_standard_error = not_measured;  ///< percent, binomial
    int64_t images = 0;

    std::vector<std::string> image;   ///< id: the path below the evaluation folder
    std::vector<int64_t> label;       ///< class; −1: none
    std::vector<int64_t> prediction;  ///< class with the highest logit
    std::vector<uint8_t> in_top5;     ///< 1: the label is among the five highest logits
    std::vector<double> margin;       ///< highest logit minus the second highest; since 1.5
    std::vector<double> kl;  ///< KL(full precision ‖ quantized), nats; empty: not measured
};

struct ModelSize {
    int64_t float_bytes = 0;              ///< every parameter and buffer at its own precision
    int64_t quantized_bytes = 0;          ///< packed codes, scales, zero points, untouched tensors
    double average_bits_with_scales = 0;  ///< bits of a quantized weight, its share of scales in
};

/**
 * How far the predictions on the held-out images move when one layer, or all of one block, is
 * quantized and the rest of the network stays as it is.
 */
struct SensitivityRecord {
    std::string unit;  ///< name of the layer or block
    int64_t bits = 0;
    double kl = not_measured;  ///< mean over images of KL(full precision ‖ quantized), nats
    double kl_standard_error = not_measured;
};

/** A random rotation of the network that was tried; the one with the least divergence is taken. */
struct RotationRecord {
    int64_t trial = 0;
    double kl = not_measured;  ///< as of SensitivityRecord, with all layers quantized
    double kl_standard_error = not_measured;
};

/** Wall-clock time of one stage ("calibrate", "solve", …). */
struct StageRecord {
    std::string name;
    double seconds = 0;
};

/** What both networks of a run predict for one set of images. */
struct Evaluations {
    std::optional<EvaluationRecord> full_precision;
    std::optional<EvaluationRecord> quantized;
    std::optional<double> agreement;  ///< percent of images on which both networks agree
};

/** The evaluations on one of `evaluation.sets`. */
struct SetRecord : Evaluations {
    std::string name;
    std::string images;  ///< as Provenance::evaluation_images, of this set
};

/**
 * Everything a run leaves behind: what a result file holds (results/README.md). Its own evaluations
 * are those on the images of `data.evaluation`.
 */
struct RunRecord : Evaluations {
    std::string config;    ///< resolved YAML text
    std::string identity;  ///< hash of what can change a number: config, checkpoint, images
    bool uses_labels = false;
    bool uses_gradients = false;
    Provenance provenance;
    ModelSize model_size;
    std::vector<SetRecord> sets;                   ///< in the order of the config; since 1.6
    std::vector<LayerRecord> layers;               ///< in the order of the network
    std::vector<SensitivityRecord> sensitivities;  ///< in the order of the network, by width
    std::vector<RotationRecord> rotations;         ///< empty where none was chosen
    std::vector<ActivationRecord> activations;     ///< layers whose inputs were rounded
    TensorMap parameters;  ///< other tensors that changed (biases, norms), by name
    std::vector<std::string> calibration_images;  ///< ids, in the order they were used
    std::vector<std::string> heldout_images;      ///< ids; fitted nothing, errors were measured on
    std::vector<StageRecord> stages;
};

}  // namespace comq
