#pragma once

#include "torch_bridge/torch.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "networks/layers.hpp"

namespace comq {

using StepForward = std::function<torch::Tensor(torch::Tensor)>;

/** A step and the modules that its function runs. */
struct ModuleStep {
    std::vector<std::shared_ptr<torch::nn::Module>> modules;
    StepForward forward;
};

/** One or more steps of a network that are named, reconstructed and measured together. */
struct Block {
    std::string name;
    std::size_t begin;  ///< its first step
    std::size_t end;    ///< the first one behind it
};

/**
 * A classification network as an ordered list of steps, each from one tensor to one tensor, that
 * make up blocks: `forward` runs them all, error propagation works on one step at a time.
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
    /** The same with steps in place of blocks. */
    torch::Tensor run_steps(torch::Tensor input, std::size_t from, std::size_t to,
                            Tap* tap = nullptr) const;

    /** All blocks: images `[B, 3, H, W]` to logits `[B, classes]`. */
    torch::Tensor forward(const torch::Tensor& images, Tap* tap = nullptr) const {
        return run_steps(images, 0, steps_.size(), tap);
    }

    /** In order, without gaps; the last block ends in logits. */
    const std::vector<Block>& blocks() const { return blocks_; }
    /** How many; those of a block are numbered behind those of the block before. */
    std::size_t steps() const { return steps_.size(); }

    struct ObservableEntry {
        Observable* observable;
        std::size_t block;  ///< index in blocks() of the block that runs it
        std::size_t step;   ///< number of the step that runs it
        /** Of a BatchNorm: the convolution whose output goes through it and nowhere else. */
        Observable* convolution = nullptr;
    };
    /** Every layer and norm, named by its path, block after block. */
    const std::vector<ObservableEntry>& observables() const { return observables_; }

    struct LayerEntry {
        QuantizableLayer* layer;
        std::size_t block;          ///< index in blocks() of the block that runs the layer
        std::size_t step;           ///< number of the step that runs the layer
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

    /** Appends a block of one step. */
    void add_block(std::string name, StepForward forward);
    /** Adds a named layer or norm to the step, and so the block, that comes next. */
    void add_observable(Observable& observable, Scope scope, Observable* convolution);
    void set_unusable(std::vector<Unusable> layers, std::vector<Unusable> norms) {
        unquantizable_ = std::move(layers);
        unusable_norms_ = std::move(norms);
    }

    /**
     * Appends a block of one step. `modules` are the (already registered) modules that `forward`
     * runs: their layers and norms are indexed, and layers quantized by default when `scope` says
     * so. A BatchNorm takes the output of the convolution that is registered before it.
     */
    void add_block(std::string name, std::vector<std::shared_ptr<torch::nn::Module>> modules,
                   Scope scope, StepForward forward);
    /** The same with several steps. */
    void add_block(std::string name, Scope scope, const std::vector<ModuleStep>& steps);

    /** The block that runs one module. */
    template <typename Module>
    void add_block(std::string name, std::shared_ptr<Module> module, Scope scope) {
        add_block(std::move(name), {module}, scope,
                  [module](torch::Tensor input) { return module->forward(input); });
    }

  private:
    void add_step(const ModuleStep& step, Scope scope);

    std::string model_name_ = "network";
    std::vector<StepForward> steps_;
    std::vector<Block> blocks_;
    std::vector<ObservableEntry> observables_;
    std::vector<LayerEntry> layers_;
    std::vector<Unusable> unquantizable_;
    std::vector<Unusable> unusable_norms_;
};

}  // namespace comq
