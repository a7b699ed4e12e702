#pragma once

#include "torch_bridge/torch.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "networks/layers.hpp"

namespace comq {

/** A stretch of a network between two cut points, from one tensor to one tensor. */
struct Block {
    std::string name;
    std::function<torch::Tensor(torch::Tensor)> forward;
};

/**
 * A classification network as an ordered list of blocks: `forward` runs them all, calibration
 * stops after the last one it needs, error propagation works on one at a time.
 *
 * A network computes in evaluation mode without any mutable state but weights that it prepares
 * (PreparedWeight), so many threads may run the same one at once (under torch::InferenceMode or
 * torch::NoGradGuard of their own).
 */
class Network : public torch::nn::Module {
  public:
    /**
     * Runs the blocks from `from` up to, not including, `to` on the calling thread, watched by
     * `tap` (null: by none). Returns an undefined tensor when the tap is done before the blocks
     * are.
     */
    torch::Tensor run(torch::Tensor input, std::size_t from, std::size_t to,
                      Tap* tap = nullptr) const;

    /** All blocks: images `[B, 3, H, W]` to logits `[B, classes]`. */
    torch::Tensor forward(const torch::Tensor& images, Tap* tap = nullptr) const {
        return run(images, 0, blocks_.size(), tap);
    }

    /** The cut points in order; the last block ends in logits. */
    const std::vector<Block>& blocks() const { return blocks_; }

    struct ObservableEntry {
        Observable* observable;
        std::size_t block;  ///< index in blocks() of the block that runs it
        /** Of a BatchNorm: the convolution whose output goes through it and nowhere else. */
        Observable* convolution = nullptr;
    };
    /** Every layer and norm, named by its path, block after block. */
    const std::vector<ObservableEntry>& observables() const { return observables_; }

    struct LayerEntry {
        QuantizableLayer* layer;
        std::size_t block;          ///< index in blocks() of the block that runs the layer
        bool quantized_by_default;  ///< false for the classifier and a transformer's stem
    };
    /** The layers among the observables. */
    const std::vector<LayerEntry>& layers() const { return layers_; }
    /** Of the layer of that name, which must be there: [out, inputs…]. */
    torch::Tensor weight_of(const std::string& layer) const;

    /** What is not among the observables, and why. */
    struct Unusable {
        std::string name;
        std::string reason;
    };
    /** What multiplies weights but can't be quantized. */
    const std::vector<Unusable>& unquantizable() const { return unquantizable_; }
    /** Norms that repairs can't have. */
    const std::vector<Unusable>& unusable_norms() const { return unusable_norms_; }

    /** To be called when parameters have been given other memory. */
    virtual void parameters_moved() {}

    /** Tensors that take part beside the state_dict: constants of a program. */
    virtual std::vector<torch::Tensor> constants() const { return {}; }

    /** Parameters and buffers by the names and in the order of PyTorch's state_dict. */
    std::vector<std::pair<std::string, torch::Tensor>> state_dict() const;

    /** The registry's name of the network; error messages cite it. */
    const std::string& model_name() const { return model_name_; }
    void set_model_name(std::string name) { model_name_ = std::move(name); }

  protected:
    enum class Scope { quantized, kept };

    /** Appends a cut point. */
    void add_block(Block block) { blocks_.push_back(std::move(block)); }
    /** Adds a named layer or norm to the block that comes next. */
    void add_observable(Observable& observable, Scope scope, Observable* convolution);
    void set_unusable(std::vector<Unusable> layers, std::vector<Unusable> norms) {
        unquantizable_ = std::move(layers);
        unusable_norms_ = std::move(norms);
    }

    /**
     * Appends a cut point. `modules` are the (already registered) modules that `forward` runs:
     * their layers and norms are indexed, and layers quantized by default when `scope` says so. A
     * BatchNorm takes the output of the convolution that is registered before it.
     */
    void add_block(std::string name, const std::vector<std::shared_ptr<torch::nn::Module>>& modules,
                   Scope scope, std::function<torch::Tensor(torch::Tensor)> forward);

    /** The block that runs one module. */
    template <typename Module>
    void add_block(std::string name, std::shared_ptr<Module> module, Scope scope) {
        add_block(std::move(name), {module}, scope,
                  [module](torch::Tensor input) { return module->forward(input); });
    }

  private:
    std::string model_name_ = "network";
    std::vector<Block> blocks_;
    std::vector<ObservableEntry> observables_;
    std::vector<LayerEntry> layers_;
    std::vector<Unusable> unquantizable_;
    std::vector<Unusable> unusable_norms_;
};

}  // namespace comq
