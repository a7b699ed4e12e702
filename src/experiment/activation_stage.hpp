#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "activations/rounding_tap.hpp"
#include "data/loader.hpp"
#include "experiment/setup.hpp"
#include "results/run_journal.hpp"

namespace comq {

/** Rounding of the inputs of quantized layers while the quantized network is evaluated. */
class ActivationStage {
  public:
    /** The layers are those of the plan, also when `quantization.method` is none. */
    ActivationStage(const ExperimentConfig& config, const LoadedModel& model,
                    const RunImages& images, torch::Device device);

    bool active() const { return config_.activations.bits.has_value(); }

    /**
     * Finds the ranges of inputs, on the network with its float weights, and stores them in
     * `journal`; or takes them from there where an earlier run stored them. Needed when active.
     */
    void find(RunJournal& journal, BadImages& bad, const std::atomic<bool>& stop);

    /** After find(): what rounds; null when not active. */
    Tap* tap() { return tap_ ? &*tap_ : nullptr; }
    /** After find(): a record a layer, in the order of the network. */
    std::vector<ActivationRecord> records() const;

  private:
    InputRanges ranges(RunJournal& journal, BadImages& bad, const std::atomic<bool>& stop) const;

    const ExperimentConfig& config_;
    const LoadedModel& model_;
    const RunImages& images_;
    torch::Device device_;
    std::vector<Network::LayerEntry> layers_;
    InputRanges ranges_;
    std::optional<RoundingTap> tap_;
};

/** What is done to the inputs of `layers` layers, for people; `activations.bits` is set. */
std::string activation_text(const ExperimentConfig& config, std::size_t layers);

}  // namespace comq
