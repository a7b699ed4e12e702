#include "experiment/run_experiment.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <opencv2/core/version.hpp>
#include <utility>

#include "calibration/collect.hpp"
#include "calibration/gram_collector.hpp"
#include "config/config_paths.hpp"
#include "config/config_text.hpp"
#include "core/communicator.hpp"
#include "core/errors.hpp"
#include "core/interrupt.hpp"
#include "core/paths.hpp"
#include "core/progress.hpp"
#include "core/threads.hpp"
#include "data/label_check.hpp"
#include "experiment/full_precision_gate.hpp"
#include "experiment/predict.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/repair_stage.hpp"
#include "experiment/setup.hpp"
#include "experiment/statistics_cache.hpp"
#include "experiment/workload.hpp"
#include "results/run_file.hpp"
#include "tensor/runtime.hpp"

namespace comq {

namespace {

namespace fs = std::filesystem;

int resolved_threads(const ResourcesConfig& config) {
    return config.threads > 0 ? config.threads : available_cores();
}

/** A finished result of another run is not overwritten by accident. */
void check_output(const fs::path& file, const RunIdentity& identity, Leftover leftover) {
    if (leftover == Leftover::restart || !fs::exists(file)) return;
    const RunRecord existing = read_run_file(file, ReadScope::summary);
    if (existing.identity == identity.digest) return;
    const auto other = load_config_text(existing.config, file.string());
    const auto keys = differing_keys(identity.config, identity_text(other.config));
    throw UsageError(
        "{}: holds another run ({}); choose another file with --output, or replace it "
        "with --restart",
        file.string(),
        keys.empty() ? "other images, checkpoint or LibTorch"
                     : fmt::format("it differs in {}", fmt::join(keys, ", ")));
}

/** One run from its loaded parts to its record. */
class Run {
    /** Runs `stage` and records its wall-clock time. */
    template <typename Stage>
    auto timed(const std::string& name, Stage&& stage) {
        struct Timer {
            RunRecord& record;
            const std::string& name;
            std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
            ~Timer() {
                const std::chrono::duration<double> elapsed =
                    std::chrono::steady_clock::now() - start;
                record.stages.push_back({name, elapsed.count()});
            }
        } timer{record_, name};
        return stage();
    }

  public:
    Run(const LoadedConfig& loaded, const RunOptions& options)
        : config_(loaded.config),
          device_(parse_device(config_.device)),
          model_(load_model(config_.model, device_)),
          images_(open_images(config_)),
          keys_(run_keys(config_, model_, images_)),
          plan_(config_.quantization.method == "none"
                    ? LayerPlan{}
                    : plan_layers(*model_.network, config_.quantization)),
          repair_(config_, model_, images_, device_),
          cache_(config_.resources.cache, config_.resources.cache_limit_bytes),
          statistics_cache_(shared_statistics()),
          bad_calibration_(config_.data.max_bad_images),
          bad_evaluation_(config_.data.max_bad_images),
          record_(first_record(options)) {
        check_classes();
        open_journal(options.leftover);
    }

    RunRecord execute() {
        const auto full_precision = timed("evaluate full precision", [&] {
            return predict_full_precision(*model_.network, evaluation_images(), device_,
                                          bad_evaluation_, *journal_, cache_, keys_.full_precision,
                                          interrupt_requested());
        });
        if (ranks_.root()) {
            warn_of_labels(full_precision);
            pass_gate(accuracy_of(full_precision));
            record_.full_precision = evaluation_record(full_precision);
        }
        if (config_.quantization.method != "none") {
            repair_.before_calibration();
            quantize();
            repair();
            const auto quantized = timed("evaluate quantized", [&] {
                return predict(*model_.network, quantized_network, evaluation_images(), device_,
                               bad_evaluation_, *journal_, interrupt_requested());
            });
            if (ranks_.root()) record_.quantized = evaluation_record(quantized);
            if (ranks_.root() && quantized.image != full_precision.image) {
                throw InputError(
                    "the images that can be read changed while the run went on; start "
                    "it again with --restart");
            }
            if (ranks_.root()) record_.agreement = agreement(full_precision, quantized);
        }
        report_bad_images();
        ranks_.wait_for_all();
        if (ranks_.root()) finish();
        return std::move(record_);
    }

  private:
    /** The root opens it for all ranks. */
    void open_journal(Leftover leftover) {
        if (ranks_.root()) {
            check_output(config_.output.file, keys_.identity, leftover);
            journal_ = std::make_unique<RunJournal>(config_.output.file, keys_.identity, leftover,
                                                    differing_keys);
        }
        ranks_.wait_for_all();
        if (!ranks_.root()) journal_ = RunJournal::join(config_.output.file);
    }

    void finish() {
        record_.model_size = measure_size(*model_.network, record_.layers);
        record_.provenance.finished_utc = utc_now();
        write_run_file(config_.output.file, record_);
        journal_->remove();
    }

    void check_classes() const {
        const auto classes = images_.evaluation_source->classes();
        if (classes == model_.description->classes) return;
        throw UsageError(
            "data.evaluation: the images have {} classes, {} has {}; name the list of "
            "all classes with data.synsets, or choose another model",
            classes, model_.description->name, model_.description->classes);
    }

    /** Off where the statistics depend on the solver, or would push one another out. */
    StatisticsCache shared_statistics() const {
        int64_t bytes = 0;
        for (const auto& planned : plan_.layers) bytes += gram_bytes(*planned.entry.layer) / 2;
        if (config_.calibration.holdout > 0) bytes *= 2;
        const bool fits = bytes <= config_.resources.cache_limit_bytes;
        if (cache_.enabled() && !fits) {
            spdlog::info("the statistics of all layers take {}, so they are not cached: {}",
                         format_bytes(static_cast<double>(bytes)),
                         "raise resources.cache_limit to share them between runs");
        }
        const bool shareable = fits && ranks_.size() == 1 &&
                               config_.calibration.inputs == CalibrationInputs::full_precision;
        return {cache_, keys_.statistics, shareable};
    }

    RunRecord first_record(const RunOptions& options) const {
        RunRecord record;
        record.config = resolved_text(config_);
        record.identity = keys_.identity.digest;
        record.uses_gradients = config_.quantization.method != "none" &&
                                config_.calibration.weighting != Weighting::none;
        record.provenance = collect_provenance(options.arguments);
        record.provenance.libtorch_version = torch_version();
        record.provenance.opencv_version = CV_VERSION;
        record.provenance.device = config_.device;
        record.provenance.threads = resolved_threads(config_.resources);
        record.provenance.seed = config_.seed;
        record.provenance.checkpoint = model_.checkpoint.filename().string();
        record.provenance.checkpoint_sha256 = model_.checkpoint_sha256;
        for (const auto index : images_.calibration.fitted) {
            record.calibration_images.push_back(images_.calibration_source->info(index).id);
        }
        return record;
    }

    EvaluationImages evaluation_images() const {
        return {images_.evaluation_source.get(), images_.evaluation,
                model_.description->preprocessing, config_.evaluation.batch_size};
    }

    EvaluationRecord evaluation_record(const Predictions& predictions) const {
        const Accuracy accuracy = accuracy_of(predictions);
        EvaluationRecord record;
        record.top1 = accuracy.top1;
        record.top5 = accuracy.top5;
        record.top1_standard_error = accuracy.top1_standard_error;
        record.images = accuracy.images;
        record.label = predictions.label;
        record.prediction = predictions.prediction;
        for (std::size_t i = 0; i < predictions.size(); ++i) {
            record.image.push_back(images_.evaluation_source->info(predictions.image[i]).id);
            record.in_top5.push_back(predictions.rank[i] < 5);
        }
        return record;
    }

    void warn_of_labels(const Predictions& predictions) const {
        const auto check =
            check_labels(predictions.label, predictions.prediction, model_.description->classes);
        if (!check.plausible()) spdlog::warn("{}", check.warning());
    }

    void pass_gate(const Accuracy& accuracy) {
        const auto expected = expected_accuracy(config_, model_, keys_,
                                                data_folder() / "datasets" / "full_precision.yaml");
        if (!expected) {
            spdlog::info(
                "full-precision Top-1 is {:.2f}% ± {:.2f}; it is not checked: no value is "
                "known for checkpoint {} on images {} (datasets/full_precision.yaml)",
                accuracy.top1, accuracy.top1_standard_error, model_.checkpoint_sha256,
                keys_.evaluation_images);
            return;
        }
        try {
            check_full_precision(accuracy, *expected);
        } catch (const GateError&) {
            journal_->remove();
            throw;
        }
        spdlog::info("full-precision Top-1 is {:.2f}% ± {:.2f}, as expected ({:.2f}%)",
                     accuracy.top1, accuracy.top1_standard_error, expected->top1);
    }

    std::vector<PlannedLayer> unfinished_layers() const {
        std::vector<PlannedLayer> rest;
        for (const auto& planned : plan_.layers) {
            if (!journal_->layer(planned.entry.layer->name())) rest.push_back(planned);
        }
        return rest;
    }

    void quantize() {
        auto rest = unfinished_layers();
        if (rest.size() < plan_.layers.size()) {
            spdlog::info("{} of {} layers were finished before", plan_.layers.size() - rest.size(),
                         plan_.layers.size());
        }
        make_methods();
        while (!rest.empty()) {
            if (const auto solved = solve_cached(rest); solved > 0) {
                spdlog::info("statistics of {} layers came from the cache ({})", solved,
                             config_.resources.cache.string());
                continue;
            }
            auto lock = statistics_cache_.lock(interrupt_requested());
            // Whoever had the lock may have collected some meanwhile.
            if (lock && statistics_cache_.holds(rest.front().entry.layer->name())) continue;
            const auto group =
                group_by_memory(LayerPlan{rest, {}}.entries(), config_.resources.memory_bytes,
                                sums_further_rows(config_.calibration))
                    .front();
            auto statistics = timed("calibrate", [&] { return collect(group); });
            lock.reset();
            timed("solve", [&] {
                Progress progress("quantization", "layers", static_cast<int64_t>(group.size()));
                const auto owners = owners_of(group, ranks_.size());
                for (std::size_t i = 0; i < group.size(); ++i) {
                    if (owners[i] != ranks_.rank()) continue;
                    solve(rest[i], std::exchange(statistics[i], {}), progress);
                }
            });
            rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(group.size()));
        }
        share_finished_work();
        for (const auto& planned : plan_.layers) {
            auto finished = journal_->layer(planned.entry.layer->name());
            install_weight(*planned.entry.layer, finished->record);
            record_.layers.push_back(std::move(finished->record));
        }
    }

    std::vector<LayerStatistics> collect(const std::vector<Network::LayerEntry>& layers) {
        CalibrationPass pass{images_.calibration_source.get(), images_.calibration,
                             model_.description->preprocessing, config_.calibration.batch_size,
                             std::nullopt};
        if (config_.calibration.transform == CalibrationTransform::train) {
            pass.augmentation_seed = config_.seed;
        }
        if (const auto rows = config_.calibration.rows_per_image) {
            pass.row_sample.emplace(config_.seed, *rows);
        }
        if (config_.calibration.weighting == Weighting::fisher) {
            pass.weighting = FisherWeighting{config_.calibration.weighting_power,
                                             config_.calibration.weighting_share, config_.seed};
        }
        auto statistics = collect_statistics(*model_.network, layers, pass, device_,
                                             bad_calibration_, interrupt_requested());
        // Another run may not allow images to be left out.
        if (bad_calibration_.count() == 0) {
            for (std::size_t i = 0; i < layers.size(); ++i) {
                statistics_cache_.store(layers[i].layer->name(), statistics[i]);
            }
            statistics_cache_.trim();
        }
        return statistics;
    }

    /** Solves and removes the layers of `rest` whose statistics are cached; returns how many. */
    std::size_t solve_cached(std::vector<PlannedLayer>& rest) {
        const auto held = std::ranges::count_if(rest, [&](const PlannedLayer& planned) {
            return statistics_cache_.holds(planned.entry.layer->name());
        });
        if (held == 0) return 0;
        return timed("solve", [&] {
            Progress progress("quantization", "layers", held);
            std::vector<PlannedLayer> missing;
            for (const auto& planned : rest) {
                if (auto statistics = statistics_cache_.load(planned.entry.layer->name())) {
                    solve(planned, *statistics, progress);
                } else {
                    missing.push_back(planned);
                }
            }
            const auto solved = rest.size() - missing.size();
            rest = std::move(missing);
            return solved;
        });
    }

    void solve(const PlannedLayer& planned, const LayerStatistics& statistics, Progress& progress) {
        if (interrupt_requested()) {
            throw Interrupted("interrupted; {} layers are kept",
                              journal_->finished_layers().size());
        }
        FinishedLayer finished;
        finished.record = quantize_layer(planned, statistics, *method_, *round_to_nearest_);
        journal_->store_layer(finished);
        progress.advance(1, finished.record.name);
    }

    void share_finished_work() {
        if (ranks_.size() == 1) return;
        ranks_.wait_for_all();
        journal_->refresh();
    }

    void make_methods() {
        method_ = make_method(config_.quantization);
        auto rtn_config = config_.quantization;
        rtn_config.method = "rtn";
        rtn_config.grid = GridChoice::minmax;
        rtn_config.scalar = 1.0;
        round_to_nearest_ = make_method(rtn_config);
    }

    /** One rank repairs, the others take what it has stored. */
    void repair() {
        timed("repair", [&] {
            const auto repair = [&] {
                repair_.after_quantization(*journal_, bad_calibration_, interrupt_requested());
            };
            if (ranks_.root()) repair();
            share_finished_work();
            if (!ranks_.root()) repair();
        });
        record_.parameters = repair_.changed_parameters(record_.layers);
        record_.uses_labels = repair_.uses_labels();
        record_.uses_gradients |= repair_.uses_gradients();
    }

    void report_bad_images() const {
        for (const auto* bad : {&bad_calibration_, &bad_evaluation_}) {
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
    RepairStage repair_;
    CacheFolder cache_;
    StatisticsCache statistics_cache_;
    std::unique_ptr<Method> method_;
    std::unique_ptr<Method> round_to_nearest_;
    BadImages bad_calibration_;
    BadImages bad_evaluation_;
    RunRecord record_;
    std::unique_ptr<RunJournal> journal_;
};

}  // namespace

RunRecord run_experiment(const LoadedConfig& loaded, const RunOptions& options) {
    check_paths(loaded);
    set_torch_threads(resolved_threads(loaded.config.resources));
    try {
        return Run(loaded, options).execute();
    } catch (const Interrupted& interrupted) {
        throw Interrupted("{}; what is finished is kept in {}, continue with --resume",
                          interrupted.what(),
                          RunJournal::folder_of(loaded.config.output.file).string());
    }
}

std::string describe_plan(const LoadedConfig& loaded) {
    const auto& config = loaded.config;
    const int threads = resolved_threads(config.resources);
    set_torch_threads(threads);
    const auto& description = find_model(config.model.name);
    const auto network = description.make();
    const auto plan = config.quantization.method == "none"
                          ? LayerPlan{}
                          : plan_layers(*network, config.quantization);
    const auto workload =
        measure_workload(*network, plan, description.preprocessing, config, threads);
    int64_t evaluation_images = 0;
    try {
        const auto source = open_image_source(config.data, Split::evaluation);
        evaluation_images = config.evaluation.images.value_or(source->size());
    } catch (const Error& missing) {
        spdlog::warn("{}", missing.what());
    }
    return plan_text(plan, workload, config, evaluation_images, threads);
}

}  // namespace comq
