#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "calibration/row_importance.hpp"
#include "data/image_source.hpp"
#include "data/selection.hpp"
#include "experiment_config/load_config.hpp"
#include "networks/describe_model.hpp"
#include "results/run_journal.hpp"

namespace comq {

/** A network with the weights of its checkpoint. */
struct LoadedModel {
    std::shared_ptr<const ModelDescription> description;
    std::shared_ptr<Network> network;
    std::filesystem::path checkpoint;
    std::string checkpoint_sha256;
    std::string program_sha256;  ///< of a program with other weights; else it is the checkpoint
};

/**
 * Reads the checkpoint of `model.weights`, or else the weights in `model.program` or those that
 * come with comq for a network of the demo set. Throws InputError when the digest is not
 * `model.sha256` or the tensors do not fit.
 */
LoadedModel load_model(const ModelConfig& config, torch::Device device);

/** The images of one of `evaluation.sets`. */
struct SetImages {
    std::string name;
    std::unique_ptr<ImageSource> source;
    std::vector<int64_t> indices;
};

/** The images of a run. */
struct RunImages {
    std::unique_ptr<ImageSource> calibration_source;  ///< null when none is read
    CalibrationImages calibration;
    std::unique_ptr<ImageSource> evaluation_source;
    std::vector<int64_t> evaluation;
    std::vector<SetImages> sets;  ///< in the order of the config
};

/** Of `resources.threads`. */
int resolved_threads(const ResourcesConfig& config);

RunImages open_images(const ExperimentConfig& config);

/** Throws what open_image_source does, with the name of the set in the message. */
SetImages open_set(const EvaluationSet& set);

/**
 * The images of `repair.images`: those of the calibration, or a draw of their own. What the
 * calibration holds out fits no repair either.
 */
std::vector<int64_t> select_repair_images(const ExperimentConfig& config, const RunImages& images);

/** What `calibration.weighting: row_importance` weights rows by. */
RowWeighting row_weighting(const ExperimentConfig& config);

/** What decides what the full-precision network predicts for a set of images. */
struct SetKeys {
    std::string images;          ///< source_identity
    std::string full_precision;  ///< key of the cached predictions
};

/** What decides whether two runs have the same numbers, and two networks the same predictions. */
struct RunKeys {
    RunIdentity identity;
    std::string evaluation_images;  ///< source_identity of the evaluation images
    std::size_t evaluation_count = 0;
    std::string full_precision;  ///< key of the cached predictions of the full-precision network
    std::string statistics;      ///< what the statistics of layers depend on, a line each
    std::string solution;        ///< likewise, what their codes depend on
    std::vector<SetKeys> sets;   ///< in the order of the config
};

/** The keys that affect each are those of `schema`. */
RunKeys run_keys(const ExperimentConfig& config, const LoadedModel& model, const RunImages& images,
                 const ExperimentSchema& schema = experiment_schema());

}  // namespace comq
