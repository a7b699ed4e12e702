#include "experiment/run_experiment.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <optional>
#include <utility>

#include "core/communicator.hpp"
#include "core/errors.hpp"
#include "core/interrupt.hpp"
#include "core/paths.hpp"
#include "core/threads.hpp"
#include "core/version.hpp"
#include "data/label_check.hpp"
#include "experiment/activation_stage.hpp"
#include "experiment/bit_stage.hpp"
#include "experiment/full_precision_gate.hpp"
#include "experiment/layer_stage.hpp"
#include "experiment/predict.hpp"
#include "experiment/propagation_stage.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/repair_stage.hpp"
#include "experiment/setup.hpp"
#include "experiment/stage_times.hpp"
#include "experiment/statistics_stage.hpp"
#include "experiment_config/config_paths.hpp"
#include "experiment_config/config_text.hpp"
#include "image/opencv_decode.hpp"
#include "results/run_file.hpp"
#include "storage/file_lock.hpp"
#include "torch_bridge/runtime.hpp"

namespace comq {

namespace {

namespace fs = std::filesystem;

int resolved_threads(const ResourcesConfig& config) {
    return config.threads > 0 ? config.threads : available_cores();
}

/**
 * The result of this very run, if it is there already. That of another one is not overwritten by
 * accident.
 */
std::optional<RunRecord> finished_run(const fs::path& file, const RunIdentity& identity,
                                      Leftover leftover) {
    if (leftover == Leftover::restart || !fs::exists(file)) return std::nullopt;
    RunRecord existing = read_run_file(file, ReadScope::summary);
    if (existing.identity == identity.digest) return existing;
    const auto other = load_config_text(existing.config, file.string());
    const auto keys = differing_keys(identity.config, identity_text(other.config));
    throw UsageError(
        "{}: holds another run ({}); choose another file with --output, or replace it "
        "with --restart",
        file.string(),
        keys.empty() ? "other images, checkpoint or LibTorch"
                     : fmt::format("it differs in {}", fmt::join(keys, ", ")));
}

void say_finished(const fs::path& file, const RunRecord& run) {
    const auto& provenance = run.provenance;
    spdlog::info(
        "{}: this run is finished already ({}{}); --restart repeats it", file.string(),
        provenance.finished_utc,
        provenance.build_commit == build_commit()
            ? ""
            : fmt::format(", by commit {}, this is {}", provenance.build_commit, build_commit()));
}

/** A kill between the result and the end of its journal leaves the latter behind. */
void remove_leftover(const fs::path& file, const RunIdentity& identity) {
    if (!fs::exists(RunJournal::folder_of(file)) || lock_holder(file)) return;
    RunJournal(file, identity, Leftover::restart, differing_keys).remove();
}

void check_ranks(const ExperimentConfig& config) {
    if (communicator().size() == 1 || !config.quantizes_weights()) return;
    const bool by_layer = config.calibration.inputs == CalibrationInputs::quantized;
    if (!by_layer && !config.quantization.average_bits) return;
    throw UsageError("{} does not go with several ranks; start one process",
                     by_layer ? "calibration.inputs=quantized" : "quantization.average_bits");
}

/** One run from its loaded parts to its record. */
class Run {
  public:
    Run(const LoadedConfig& loaded, const RunOptions& options)
        : config_(loaded.config),
          device_(parse_device(config_.device)),
          model_(load_model(config_.model, device_)),
          images_(open_images(config_)),
          keys_(run_keys(config_, model_, images_)),
          plan_(config_.quantizes_weights() ? plan_layers(*model_.network, config_.quantization)
                                            : LayerPlan{}),
          activations_(config_, model_, images_, device_),
          repair_(config_, model_, images_, device_),
          cache_(config_.resources.cache, config_.resources.cache_limit_bytes),
          bad_calibration_(config_.data.max_bad_images),
          bad_range_images_(config_.data.max_bad_images),
          bad_evaluation_(config_.data.max_bad_images),
          record_(first_record(options)) {
        check_classes(*images_.evaluation_source, "data.evaluation");
        if (repair_.uses_labels()) check_classes(*images_.calibration_source, "data.calibration");
        open_journal(options.leftover);
    }

    RunRecord execute() {
        if (finished_) return std::move(*finished_);
        const auto full_precision = times_.timed("evaluate full precision", [&] {
            return predict_full_precision(*model_.network, evaluation_images(), device_,
                                          bad_evaluation_, *journal_, cache_, keys_.full_precision,
                                          interrupt_requested());
        });
        check_bad_images(bad_evaluation_);
        if (ranks_.root()) {
            pass_gate(full_precision);
            record_.full_precision = evaluation_record(full_precision);
        }
        if (changes_the_network()) {
            if (config_.quantizes_weights()) repair_.before_calibration();
            find_input_ranges();
            if (config_.quantizes_weights()) {
                quantize();
                check_bad_images(bad_calibration_);
                repair();
            }
            const auto quantized = times_.timed("evaluate quantized", [&] {
                return predict(*model_.network, quantized_network, evaluation_images(), device_,
                               bad_evaluation_, *journal_, interrupt_requested(),
                               activations_.tap());
            });
            if (ranks_.root()) record_.quantized = evaluation_record(quantized);
            if (ranks_.root() && quantized.image != full_precision.image) {
                throw InputError(
                    "the images that can be read changed while the run went on; start "
                    "it again with --restart");
            }
            if (ranks_.root() && quantized.size() > 0) {
                record_.agreement = agreement(full_precision, quantized);
            }
        }
        report_bad_images();
        ranks_.wait_for_all();
        if (ranks_.root()) finish();
        return std::move(record_);
    }

  private:
    bool changes_the_network() const {
        return config_.quantizes_weights() || activations_.active();
    }

    /** The root opens it for all ranks, unless there is nothing left to do. */
    void open_journal(Leftover leftover) {
        const fs::path& file = config_.output.file;
        if (ranks_.root()) finished_ = finished_run(file, keys_.identity, leftover);
        if (ranks_.broadcast(finished_ ? "finished" : "") == "finished") {
            if (!ranks_.root()) finished_.emplace();
            if (ranks_.root()) say_finished(file, *finished_);
            if (ranks_.root()) remove_leftover(file, keys_.identity);
            return;
        }
        if (ranks_.root()) {
            journal_ = std::make_unique<RunJournal>(config_.output.file, keys_.identity, leftover,
                                                    differing_keys);
        }
        ranks_.wait_for_all();
        if (!ranks_.root()) journal_ = RunJournal::join(config_.output.file);
    }

    void finish() {
        record_.stages = times_.stages();
        record_.model_size = measure_size(*model_.network, record_.layers);
        record_.provenance.finished_utc = utc_now();
        write_run_file(config_.output.file, record_);
        journal_->remove();
    }

    void check_classes(const ImageSource& source, const char* key) const {
        const auto classes = source.classes();
        if (classes == model_.description->classes) return;
        throw UsageError(
            "{}: the images have {} classes, {} has {}; name the list of "
            "all classes with data.synsets, or choose another model",
            key, classes, model_.description->name, model_.description->classes);
    }

    RunRecord first_record(const RunOptions& options) const {
        RunRecord record;
        record.config = resolved_text(config_);
        record.identity = keys_.identity.digest;
        record.uses_gradients =
            config_.quantizes_weights() && config_.calibration.weighting != Weighting::none;
        record.provenance = collect_provenance(options.arguments);
        record.provenance.libtorch_version = torch_version();
        record.provenance.opencv_version = opencv_version();
        record.provenance.device = config_.device;
        record.provenance.threads = resolved_threads(config_.resources);
        record.provenance.seed = config_.seed;
        record.provenance.checkpoint = model_.checkpoint.filename().string();
        record.provenance.checkpoint_sha256 = model_.checkpoint_sha256;
        record.provenance.evaluation_images = keys_.evaluation_images;
        for (const auto index : images_.calibration.fitted) {
            record.calibration_images.push_back(images_.calibration_source->info(index).id);
        }
        for (const auto index : images_.calibration.held_out) {
            record.heldout_images.push_back(images_.calibration_source->info(index).id);
        }
        return record;
    }

    ImageSet evaluation_images() const {
        return {images_.evaluation_source.get(), images_.evaluation,
                model_.description->preprocessing, config_.evaluation.batch_size};
    }

    EvaluationRecord evaluation_record(const Predictions& predictions) const {
        const Accuracy accuracy = accuracy_of(predictions);
        EvaluationRecord record;
        record.images = accuracy.images;
        if (accuracy.images > 0) {
            record.top1 = accuracy.top1;
            record.top5 = accuracy.top5;
            record.top1_standard_error = accuracy.top1_standard_error;
        }
        record.label = predictions.label;
        record.prediction = predictions.prediction;
        for (std::size_t i = 0; i < predictions.size(); ++i) {
            record.image.push_back(images_.evaluation_source->info(predictions.image[i]).id);
            record.in_top5.push_back(predictions.rank[i] < 5);
        }
        return record;
    }

    /** Stops a run whose numbers would mean nothing. */
    void pass_gate(const Predictions& predictions) {
        const Accuracy accuracy = accuracy_of(predictions);
        const auto labels =
            check_labels(predictions.label, predictions.prediction, model_.description->classes);
        const auto expected = expected_accuracy(config_, model_, keys_,
                                                data_folder() / "datasets" / "full_precision.yaml");
        // Who expects so little expects it, and who only evaluates learns it from the result.
        const bool chance_matters =
            !expected && !config_.evaluation.allow_chance && changes_the_network();
        try {
            if (chance_matters) check_above_chance(labels);
            if (!labels.plausible()) spdlog::warn("{}", labels.warning());
            if (expected) check_full_precision(accuracy, *expected);
        } catch (const GateError&) {
            // Layers of a run that goes on may have cost hours, and the expectation may be wrong.
            if (journal_->finished_layers().empty()) journal_->remove();
            throw;
        }
        const std::string top1 = fmt::format("{:.2f}", accuracy.top1);
        const std::string found =
            fmt::format("full-precision Top-1 is {}% ± {:.2f}", top1, accuracy.top1_standard_error);
        if (expected) {
            spdlog::info("{}, as expected ({:.2f}%)", found, expected->top1);
        } else {
            spdlog::info(
                "{}, not checked: if it is right, set evaluation.expected_top1={} "
                "(--explain expected_top1)",
                found, top1);
        }
    }

    /**
     * The root does `work` and stores what it finds in the journal. Then the others do the same
     * `work`, which finds everything there and so only reads: work that does not look into the
     * journal first would be done twice.
     */
    template <typename Work>
    void root_first(const Work& work) {
        if (ranks_.root()) work();
        journal_->exchange(ranks_);
        if (!ranks_.root()) work();
    }

    /** While the weights are still float. */
    void find_input_ranges() {
        if (!activations_.active()) return;
        times_.timed("input ranges", [&] {
            root_first(
                [&] { activations_.find(*journal_, bad_range_images_, interrupt_requested()); });
        });
        record_.activations = activations_.records();
    }

    void quantize() {
        if (config_.calibration.inputs == CalibrationInputs::quantized) {
            PropagationStage stage(config_, model_, repair_.original(), images_, device_);
            stage.run(plan_, *journal_, bad_calibration_, times_, interrupt_requested());
        } else {
            StatisticsStage statistics(config_, model_, images_, keys_, cache_, plan_, device_);
            if (config_.quantization.average_bits) {
                choose_bits(plan_, config_.quantization, statistics, device_, *journal_,
                            bad_calibration_, times_, interrupt_requested());
            }
            LayerStage stage(config_.quantization, statistics, device_);
            stage.run(plan_, *journal_, bad_calibration_, times_, interrupt_requested());
        }
        for (const auto& planned : plan_.layers) {
            auto finished = journal_->layer(planned.entry.layer->name());
            install_weight(*planned.entry.layer, *finished);
            record_.layers.push_back(std::move(*finished));
        }
    }

    void repair() {
        times_.timed("repair", [&] {
            root_first([&] {
                repair_.after_quantization(record_.layers, *journal_, bad_calibration_,
                                           interrupt_requested());
            });
        });
        record_.parameters = repair_.changed_parameters(record_.layers);
        record_.uses_labels = repair_.uses_labels();
        record_.uses_gradients |= repair_.uses_gradients();
    }

    /** A rank only knows of its own share of the images. */
    void check_bad_images(const BadImages& bad) {
        const auto all = ranks_.sum(bad.count());
        if (all <= config_.data.max_bad_images) return;
        throw InputError(
            "{} images could not be read by all ranks together; data.max_bad_images allows {}", all,
            config_.data.max_bad_images);
    }

    void report_bad_images() const {
        const auto& calibration =
            config_.quantizes_weights() ? bad_calibration_ : bad_range_images_;
        for (const auto* bad : {&calibration, &bad_evaluation_}) {
            for (const auto& reason : bad->reasons()) spdlog::warn("left out: {}", reason);
        }
    }

    const ExperimentConfig& config_;
    Communicator& ranks_ = communicator();
    torch::Device device_;
    LoadedModel model_;
    RunImages images_;
    RunKeys keys_;
    LayerPlan plan_;
    ActivationStage activations_;
    RepairStage repair_;
    CacheFolder cache_;
    BadImages bad_calibration_;
    BadImages bad_range_images_;  ///< of the same images, which one rank reads alone
    BadImages bad_evaluation_;
    StageTimes times_;
    RunRecord record_;
    std::unique_ptr<RunJournal> journal_;
    std::optional<RunRecord>
        finished_;  ///< by an earlier call; of the root, others know that it is
};

}  // namespace

RunRecord run_experiment(const LoadedConfig& loaded, const RunOptions& options) {
    check_paths(loaded);
    check_ranks(loaded.config);
    set_torch_threads(resolved_threads(loaded.config.resources));
    try {
        return Run(loaded, options).execute();
    } catch (const Interrupted& interrupted) {
        throw Interrupted("{}; what is finished is kept in {}, continue with --resume",
                          interrupted.what(),
                          RunJournal::folder_of(loaded.config.output.file).string());
    }
}

}  // namespace comq
