#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "accuracy/accuracy.hpp"
#include "core/communicator.hpp"
#include "results/journal_part.hpp"
#include "results/run_record.hpp"
#include "storage/file_lock.hpp"

namespace comq {

/** What decides whether an interrupted run may be continued. */
struct RunIdentity {
    std::string digest;  ///< RunRecord::identity
    std::string config;  ///< keys that can change a number, as YAML text
    /** Hashes of what the config's paths lead to, by a name for people ("checkpoint"). */
    std::map<std::string, std::string> content;
    std::string program;  ///< commit of the build; not in the digest: results of builds compare
};

/** Name of what RunIdentity::content says of the machine. */
inline constexpr const char* machine_content = "LibTorch and instruction set";

/** Names the keys in which two resolved configs differ, of those that can change a number. */
using DifferingKeys =
    std::function<std::vector<std::string>(const std::string& here, const std::string& there)>;

/** What differs between two runs, for people: config keys and the content behind its paths. */
std::vector<std::string> differences(const RunIdentity& here, const RunIdentity& there,
                                     const DifferingKeys& differing_keys);

/** What to do with the journal that an earlier run of the same result file left. */
enum class Leftover {
    refuse,   ///< an error that names --resume and --restart
    resume,   ///< continue it; an error when it is another run's
    restart,  ///< delete it
    /** Continue it, or delete it where only the machine or the build of comq is another's. */
    resume_or_restart,
};

/** Sets of tensors that a journal keeps, each in a part of its own. */
enum class TensorSet {
    parameters,     ///< of the network, but for codes: those that repairs changed, by name
    input_ranges,   ///< in which layer inputs are rounded: "LAYER/minimum" and "LAYER/maximum"
    rotations,      ///< "kl": KL and its error by trial, f64 [trials, 2]
    sensitivities,  ///< KL and its error by width, as "UNIT", f64 [widths, 2]
    tuning,         ///< what repair.norm_tuning has reached at the end of its last whole epoch
    bit_errors,     ///< squared relative errors at 2, 4 and 8 bits, by layer
};

/**
 * The finished work of one run, in the folder `RESULT.h5.parts`: `run.json` (identity, config),
 * one safetensors file with a checksum per layer, per block of predictions, for the repaired
 * parameters and for the ranges of layer inputs, each renamed into place when whole. A kill at any
 * moment loses only what was being computed. A part that is damaged is deleted with one warning,
 * and so computed again. Thread-safe.
 *
 * Errors: whatever FileLock throws when another process writes the same result; UsageError for a
 * leftover that is refused or is another run's; InputError when `run.json` is damaged; Failure
 * when a file can't be written (full disk), naming it and what is kept.
 */
class RunJournal {
  public:
    RunJournal(const std::filesystem::path& result_file, const RunIdentity& identity,
               Leftover leftover, const DifferingKeys& differing_keys);

    /**
     * The journal of a run of several ranks, on one that is not the root: the root has opened it
     * before, holds the lock and alone removes it. Ranks see each other's work after refresh().
     * Throws UsageError where this rank does not see the root's folder.
     */
    static std::unique_ptr<RunJournal> join(const std::filesystem::path& result_file,
                                            const RunIdentity& identity);
    /** Reads the parts that other ranks have stored. */
    void refresh();
    /** Waits until every rank has come here, then refreshes; does nothing for a process alone. */
    void exchange(Communicator& ranks);

    static std::filesystem::path folder_of(const std::filesystem::path& result_file);
    const std::filesystem::path& folder() const { return folder_; }

    std::vector<std::string> finished_layers() const;
    bool has_layer(const std::string& name) const;
    /** None: not finished. */
    std::optional<LayerRecord> layer(const std::string& name) const;
    /** Durable on return. */
    void store_layer(const LayerRecord& layer);

    /** None: not finished. */
    std::optional<TensorMap> tensors(TensorSet set) const;
    /** Durable on return. */
    void store_tensors(TensorSet set, const TensorMap& tensors);

    /**
     * Everything stored for `network` ("full_precision", "quantized", "quantized@SET"), by image
     * index.
     */
    Predictions predictions(const std::string& network) const;
    /** Durable on return. Costs one fsync, so store blocks of some hundred images. */
    void store_predictions(const FinishedPredictions& finished);

    /**
     * Leaves a file in the folder, for whoever judges whether a time limit that ended this
     * process was too short: not where it `waited` for what another one computes, or finished what
     * is `cached` elsewhere.
     */
    void leave_mark(const std::string& name) const;

    /** Deletes the folder, once the result file is in place. The journal is spent. */
    void remove();

  private:
    /** Predictions of one network stay on disk: their probabilities are large. */
    struct Blocks {
        std::vector<std::filesystem::path> files;
        std::size_t images = 0;
    };

    explicit RunJournal(const std::filesystem::path& result_file);
    void open(const RunIdentity& identity, Leftover leftover, const DifferingKeys& differing_keys);
    void read_parts();
    void take_part(const std::filesystem::path& file);
    void add_block(const FinishedPredictions& finished, const std::filesystem::path& file);
    void write_part(const std::filesystem::path& file, const JournalPart& part) const;

    std::filesystem::path folder_;
    std::unique_ptr<FileLock> lock_;
    mutable std::mutex mutex_;
    std::map<std::string, std::filesystem::path> layers_;
    std::map<std::string, Blocks> predictions_;
    std::map<TensorSet, TensorMap> tensors_;
};

}  // namespace comq
