#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "accuracy/accuracy.hpp"
#include "activations/rounding_tap.hpp"
#include "core/communicator.hpp"
#include "experiment/cache_folder.hpp"
#include "experiment/layer_plan.hpp"
#include "experiment/setup.hpp"
#include "experiment/statistics_source.hpp"
#include "experiment_config/experiment_config.hpp"
#include "passes/image_pass.hpp"
#include "results/run_journal.hpp"
#include "results/run_record.hpp"
#include "rotation/rotate.hpp"

namespace comq {

/** Wall-clock times of the stages of a run, in the order in which they first ended. */
class StageTimes {
  public:
    /** Runs `stage` and adds its time to that of the stages of its name, also when it throws. */
    template <typename Stage>
    auto timed(const std::string& name, Stage&& stage) {
        struct Timer {
            std::vector<StageRecord>& stages;
            const std::string& name;
            std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
            ~Timer() {
                const std::chrono::duration<double> elapsed =
                    std::chrono::steady_clock::now() - start;
                const auto known = std::ranges::find(stages, name, &StageRecord::name);
                if (known == stages.end()) {
                    stages.push_back({name, elapsed.count()});
                } else {
                    known->seconds += elapsed.count();
                }
            }
        } timer{stages_, name};
        return stage();
    }

    const std::vector<StageRecord>& stages() const { return stages_; }

  private:
    std::vector<StageRecord> stages_;
};

/** A set of images that both networks of a run are evaluated on. */
struct EvaluatedSet {
    EvaluatedSet(std::string set, const ImageSource& images, const std::vector<int64_t>& chosen,
                 SetKeys known, int64_t allowed_bad)
        : name(std::move(set)),
          source(images),
          indices(chosen),
          keys(std::move(known)),
          bad(allowed_bad) {}

    std::string name;  ///< main_set, or of `evaluation.sets`
    const ImageSource& source;
    const std::vector<int64_t>& indices;
    SetKeys keys;
    BadImages bad;
    Predictions full_precision;  ///< of the root

    bool is_main() const { return name == main_set; }
};

/** What the stages of a run share: where they take things from, and where they leave them. */
struct RunContext {
    /** Loads the network and opens the images; keeps a reference to `config`. */
    explicit RunContext(const ExperimentConfig& config);

    const ExperimentConfig& config;
    Communicator& ranks;
    const std::atomic<bool>& stop;  ///< set by a signal
    torch::Device device;
    LoadedModel model;  ///< as loaded at first; stages change its network
    RunImages images;
    RunKeys keys;
    LayerPlan plan;  ///< empty where the weights stay
    CacheFolder cache;
    BadImages bad_calibration;
    StageTimes times;
    std::unique_ptr<RunJournal> journal;        ///< of this run, once it is open
    std::optional<RotationTrial> rotation;      ///< once the network is rotated
    std::optional<RoundingTap> input_rounding;  ///< once input ranges are found
    std::deque<EvaluatedSet> sets;              ///< the main one first
    RunRecord record;

    /** Statistics of the layers of the plan on full-precision inputs; made when first asked for. */
    StatisticsSource& statistics();
    /** Over the images that calibration fits to, in micro-batches. */
    ImagePass calibration_pass() { return calibration_pass(bad_calibration); }
    ImagePass calibration_pass(BadImages& bad) const;
    ImagePass evaluation_pass(EvaluatedSet& set) const;
    /** Where the evaluations of a set are recorded. */
    Evaluations& evaluations(const EvaluatedSet& set);
    /** Another copy of the network as calibration sees it: of full precision, folded and rotated or
     * not. */
    std::shared_ptr<Network> full_precision_network() const;

    /**
     * The root does `work` and stores what it finds in the journal. Then the others do the same
     * `work`, which finds everything there and so only reads: work that does not look into the
     * journal first would be done twice.
     */
    template <typename Work>
    void root_first(const Work& work) {
        if (ranks.root()) work();
        journal->exchange(ranks);
        if (!ranks.root()) work();
    }

  private:
    std::unique_ptr<StatisticsSource> statistics_;
};

/** Sets the weights of all layers of the plan to those in the journal, and records them. */
void install_finished_layers(RunContext& context);

/** Throws InputError when more of a pass' images are unreadable on all ranks than may be. */
void check_bad_images(RunContext& context, const BadImages& bad);

/** Warns of each image that was left out. */
void report_bad_images(const BadImages& bad);

}  // namespace comq
