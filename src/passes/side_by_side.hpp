#pragma once

#include "torch_bridge/torch.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "networks/network.hpp"
#include "passes/activation_spool.hpp"
#include "passes/image_pass.hpp"

namespace comq {

/** The same activation of both networks. */
struct ActivationPair {
    torch::Tensor full_precision;
    torch::Tensor quantized;
};

/** What a layer that ends in a residual sum sees, and what its output is added to. */
struct SummedPair {
    ActivationPair input;
    ActivationPair stream;  ///< in units of the layer's output; 0 where the sum ignores that
};

/**
 * A full-precision and a quantized network of one architecture on their way through the same
 * images, one step at a time. What they hand to the next step is spooled to disk, so memory does
 * not grow with the number of images. Before each step, layers and norms of the quantized network
 * may change; what was spooled is not computed again.
 */
class SideBySide {
  public:
    /**
     * Reads the images, those of `held_out` as those of `fitted`, and stands before the first
     * step. `spool` is created, and removed by the destructor. Once `fitted.stop` is set, passes
     * throw Interrupted ("interrupted while DOING"). Throws InputError when no image that is fitted
     * can be read, or none of those that are held out.
     */
    SideBySide(const Network& full_precision, const Network& quantized, const ImagePass& fitted,
               const std::vector<int64_t>& held_out, std::filesystem::path spool,
               std::string doing);

    /** Numbers of the batches, ascending. */
    const std::vector<int64_t>& fitted() const { return fitted_; }
    const std::vector<int64_t>& held_out() const { return held_out_; }

    /** Indices of the images of `batch` in their source. */
    const std::vector<int64_t>& images_of(int64_t batch) const { return images_.at(batch); }
    /** What the full-precision network takes into this step, on the device; pixels at first. */
    torch::Tensor activation(int64_t batch) const {
        return spool_.load(float_side, batch).to(device_);
    }

    /** The same of the quantized network; that of both until they differ. */
    torch::Tensor quantized_activation(int64_t batch) const {
        const bool own = spool_.contains(quantized_side, batch);
        return spool_.load(own ? quantized_side : float_side, batch).to(device_);
    }

    /** Names of the layers and norms of this step in the order in which they first run. */
    std::vector<std::string> order_of_execution() const;
    /** Names of the layers of this step that end in a residual sum whenever they are called. */
    std::set<std::string> layers_in_sums() const;

    /** From here on the weights of the networks differ; until then one pass serves both. */
    void diverge() { diverged_ = true; }

    /** What `layer` of this step sees of `batch`, each time that it is called. */
    std::vector<ActivationPair> inputs(const std::string& layer, int64_t batch) const {
        return kept(layer, /*output=*/false, batch);
    }
    /** The same with the streams, of one of layers_in_sums(). */
    std::vector<SummedPair> inputs_and_streams(const std::string& layer, int64_t batch) const;
    /** What a layer or norm of this step makes of `batch`, each time that it is called. */
    std::vector<ActivationPair> outputs(const std::string& name, int64_t batch) const {
        return kept(name, /*output=*/true, batch);
    }

    /** What the networks make of `batch` from this step to the end: logits [images, classes]. */
    torch::Tensor full_precision_logits(int64_t batch) const {
        return run(full_precision_, batch, full_precision_.steps());
    }
    torch::Tensor quantized_logits(int64_t batch) const {
        return run(quantized_, batch, quantized_.steps());
    }

    /** Calls `body` for each of `batches`: in parallel, but on a device one after the other. */
    void for_each(const std::vector<int64_t>& batches,
                  const std::function<void(int64_t batch)>& body) const;
    /** How many of them are in work at a time. */
    int batches_at_once() const;

    /** Takes all batches on to before `step`, through what is there now. */
    void advance_to(std::size_t step);

  private:
    static constexpr const char* float_side = "full_precision";
    static constexpr const char* quantized_side = "quantized";

    /** Spools the images of `pass`; returns the numbers of their batches, from `first` on. */
    std::vector<int64_t> read(const ImagePass& pass, int64_t first);
    /** From this step up to, not including, `to`. */
    torch::Tensor run(const Network& network, int64_t batch, std::size_t to,
                      Tap* tap = nullptr) const;
    std::vector<ActivationPair> kept(const std::string& name, bool output, int64_t batch) const;

    const Network& full_precision_;
    const Network& quantized_;
    torch::Device device_;
    ActivationSpool spool_;
    std::string doing_;
    const std::atomic<bool>& stop_;
    std::unordered_map<int64_t, std::vector<int64_t>> images_;  ///< by batch
    std::vector<int64_t> fitted_;
    std::vector<int64_t> held_out_;
    std::size_t step_ = 0;
    bool diverged_ = false;
};

/**
 * Forward passes of an image that two networks side by side make: both go through a step once for
 * each of its `observed` layers and norms and once more to leave it; steps count as equally long.
 */
double two_networks_forwards(const Network& network, int64_t observed);

}  // namespace comq
