#include "experiment/run_experiment.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "core/communicator.hpp"
#include "core/errors.hpp"
#include "core/input_file.hpp"
#include "core/interrupt.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "experiment/quantize_layer.hpp"
#include "experiment/run_context.hpp"
#include "experiment/same_run.hpp"
#include "experiment/stages/stages.hpp"
#include "experiment_config/config_paths.hpp"
#include "experiment_config/config_text.hpp"
#include "image/opencv_decode.hpp"
#include "quantization/method.hpp"
#include "repair/repair.hpp"
#include "results/run_file.hpp"
#include "storage/file_lock.hpp"
#include "storage/hdf5.hpp"
#include "storage/output_file.hpp"
#include "torch_bridge/runtime.hpp"

namespace comq {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> set_names_of(const ExperimentConfig& config) {
    std::vector<std::string> names;
    for (const EvaluationSet& set : config.evaluation.sets) names.push_back(set.name);
    return names;
}

/** An HDF5 file of something else is not ours; a damaged one may be. */
bool may_be_a_result(const fs::path& file) {
    if (text_if_readable(file, 0, hdf5_signature.size()) != hdf5_signature) return false;
    try {
        return Hdf5File::open_for_reading(file).root().has_attribute("identity");
    } catch (const Error&) {
        return true;
    }
}

/**
 * The result of this very run, if it is there already. That of another one is not overwritten by
 * accident.
 */
std::optional<RunRecord> finished_run(const ExperimentConfig& config, const RunIdentity& identity,
                                      Leftover leftover) {
    const fs::path& file = config.output.file;
    keep_foreign_file(file, may_be_a_result);
    if (leftover == Leftover::restart || !fs::exists(file)) return std::nullopt;
    RunRecord existing = read_run_file(file, ReadScope::summary);
    if (existing.identity == identity.digest) return existing;
    const auto other = load_config_text(existing.config, file.string());
    auto keys = differing_keys(identity.config, identity_text(other.config));
    if (set_names_of(config) != set_names_of(other.config)) keys.emplace_back("evaluation.sets");
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

void check_classes(const RunContext& context, const ImageSource& source, const std::string& key) {
    const auto classes = source.classes();
    const auto& description = *context.model.description;
    if (classes == description.classes) return;
    throw UsageError(
        "{}: the images have {} classes, {} has {}; name the list of all classes with data.synsets "
        "(imagenet: the 1,000 of ILSVRC-2012), or choose another model",
        key, classes, description.name, description.classes);
}

bool uses_labels(const ExperimentConfig& config) {
    if (!config.quantizes_weights()) return false;
    return std::ranges::any_of(repairs_of(config.repair), [&](const Repair* repair) {
        return repair->uses_labels(config.repair);
    });
}

bool uses_gradients(const ExperimentConfig& config) {
    if (!config.quantizes_weights()) return false;
    return config.calibration.weighting != Weighting::none ||
           make_method(config.quantization)->uses_gradients() ||
           std::ranges::any_of(repairs_of(config.repair),
                               [](const Repair* repair) { return repair->uses_gradients; });
}

/** What would end a run in its midst, before it begins. */
void check_set(const RunContext& context, const EvaluatedSet& set) {
    if (set.is_main()) return check_classes(context, set.source, "data.evaluation");
    const std::string key = "evaluation.sets, " + set.name;
    check_classes(context, set.source, key);
    for (const int64_t index : set.indices) {
        if (std::ranges::min(set.source.labels(index)) >= 0) continue;
        throw InputError("{}: {} has no label; evaluation needs labelled images (data.labels)", key,
                         set.source.info(index).id);
    }
}

void check_images(const RunContext& context) {
    for (const EvaluatedSet& set : context.sets) check_set(context, set);
    if (uses_labels(context.config)) {
        check_classes(context, *context.images.calibration_source, "data.calibration");
    }
}

/** What is known of a run before its first stage. */
RunRecord first_record(const RunContext& context, const RunOptions& options) {
    const auto& config = context.config;
    RunRecord record;
    record.config = resolved_text(config);
    record.identity = context.keys.identity.digest;
    record.uses_labels = uses_labels(config);
    record.uses_gradients = uses_gradients(config);
    record.provenance = collect_provenance(options.arguments);
    record.provenance.libtorch_version = torch_version();
    record.provenance.opencv_version = opencv_version();
    record.provenance.device = config.device;
    record.provenance.threads = resolved_threads(config.resources);
    record.provenance.seed = config.seed;
    record.provenance.checkpoint = context.model.checkpoint.filename().string();
    record.provenance.checkpoint_sha256 = context.model.checkpoint_sha256;
    record.provenance.program_sha256 = context.model.program_sha256;
    record.provenance.evaluation_images = context.keys.evaluation_images;
    for (const EvaluatedSet& set : context.sets) {
        if (set.is_main()) continue;
        SetRecord& of_set = record.sets.emplace_back();
        of_set.name = set.name;
        of_set.images = set.keys.images;
    }
    const ModelDescription& model = *context.model.description;
    record.provenance.preprocessing = model.preprocessing.describe();
    record.provenance.preprocessing_origin = model.preprocessing_origin;
    record.provenance.position_embedding = model.resampled_positions;
    if (model.norm_eps) record.provenance.layer_norm_eps = fmt::format("{}", *model.norm_eps);
    const RunImages& images = context.images;
    for (const auto index : images.calibration.fitted) {
        record.calibration_images.push_back(images.calibration_source->info(index).id);
    }
    for (const auto index : images.calibration.held_out) {
        record.heldout_images.push_back(images.calibration_source->info(index).id);
    }
    return record;
}

/**
 * The run's journal, which the root opens for all ranks; or, where there is nothing left to do, the
 * record of the finished run: of the root, others get an empty one.
 */
std::optional<RunRecord> open_journal(RunContext& context, Leftover leftover) {
    const fs::path& file = context.config.output.file;
    const RunIdentity& identity = context.keys.identity;
    std::optional<RunRecord> finished;
    if (context.ranks.root()) finished = finished_run(context.config, identity, leftover);
    if (context.ranks.broadcast(finished ? "finished" : "") == "finished") {
        if (!context.ranks.root()) return RunRecord{};
        say_finished(file, *finished);
        remove_leftover(file, identity);
        return finished;
    }
    if (context.ranks.root()) {
        context.journal = std::make_unique<RunJournal>(file, identity, leftover, differing_keys);
    }
    context.ranks.wait_for_all();
    if (!context.ranks.root()) context.journal = RunJournal::join(file, identity);
    return std::nullopt;
}

void finish(RunContext& context) {
    report_bad_images(context.bad_calibration);
    for (const EvaluatedSet& set : context.sets) report_bad_images(set.bad);
    context.ranks.wait_for_all();
    if (!context.ranks.root()) return;
    RunRecord& record = context.record;
    record.stages = context.times.stages();
    record.model_size = measure_size(*context.model.network, record.layers);
    record.provenance.finished_utc = utc_now();
    write_run_file(context.config.output.file, record);
    context.journal->remove();
}

/**
 * Ends a run that computed what lies in the cache, and nothing else. Its journal goes, so that the
 * run itself may begin; one that it continued is that run's.
 */
void finish_shared(RunContext& context, Leftover leftover) {
    spdlog::info("what runs share is in {}", context.config.resources.cache.string());
    context.ranks.wait_for_all();
    const bool began = leftover == Leftover::refuse || leftover == Leftover::restart;
    if (began && context.ranks.root()) context.journal->remove();
}

RunRecord run_stages(const ExperimentConfig& config, const RunOptions& options) {
    RunContext context(config);
    check_same_run(context.ranks, context.keys.identity, config.resources);
    check_images(context);
    context.record = first_record(context, options);
    if (auto finished = open_journal(context, options.leftover)) return std::move(*finished);
    context.cache.on_wait([&context] { context.journal->leave_mark("waited"); });
    for (const Stage* stage : stages_of(config)) {
        if (!options.shared_only) {
            stage->run(context);
        } else if (stage->share != nullptr) {
            stage->share(context);
        }
    }
    if (options.shared_only) {
        finish_shared(context, options.leftover);
    } else {
        finish(context);
    }
    return std::move(context.record);
}

/** LibTorch has no type for it. */
bool is_out_of_memory(const std::exception& error) {
    const std::string_view message = error.what();
    return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
           message.find("can't allocate memory") != std::string_view::npos ||
           message.find("out of memory") != std::string_view::npos;
}

}  // namespace

RunRecord run_experiment(const LoadedConfig& loaded, const RunOptions& options) {
    check_paths(loaded);
    check_ranks(loaded.config, communicator().size());
    if (options.shared_only && loaded.config.resources.cache.empty()) {
        throw UsageError("resources.cache: --shared-only computes what lies there, but it is null");
    }
    const std::string kept = fmt::format("what is finished is kept in {}, continue with --resume",
                                         RunJournal::folder_of(loaded.config.output.file).string());
    set_torch_threads(resolved_threads(loaded.config.resources));
    try {
        return run_stages(loaded.config, options);
    } catch (const Interrupted& interrupted) {
        throw Interrupted("{}; {}", interrupted.what(), kept);
    } catch (const std::exception& error) {
        if (!is_out_of_memory(error)) throw;
        throw Failure(
            "out of memory; lower resources.threads (now {}) or resources.memory ({}), at one "
            "thread calibration.batch_size and evaluation.batch_size, or raise the limit "
            "(ulimit -v); {}",
            resolved_threads(loaded.config.resources),
            format_bytes(static_cast<double>(loaded.config.resources.memory_bytes)), kept);
    }
}

}  // namespace comq
