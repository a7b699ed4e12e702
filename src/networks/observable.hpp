#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace comq {

enum class ObservableKind { linear, convolution, layer_norm, rms_norm, group_norm, batch_norm };

class QuantizableLayer;

/** What a BatchNorm takes off its input and divides it by, `[channels]`. */
struct BatchStatistics {
    torch::Tensor mean;
    torch::Tensor variance;
    double eps;
    /** Set: each batch is normalised by statistics of its own, which are left here. */
    bool of_each_batch = false;
};

/** Where the output of a layer is added to a residual stream. */
struct ResidualSum {
    torch::Tensor stream;      ///< laid out as the layer's output
    torch::Tensor scale = {};  ///< of the output before the sum, `[channels]`; undefined: 1
};

/** A layer or norm that a tap can watch. */
class Observable {
  public:
    virtual ~Observable() = default;

    /** Its path in the network ("blocks.0.attn.qkv"); set by Network::add_block. */
    const std::string& name() const { return name_; }
    void set_name(std::string name) { name_ = std::move(name); }

    virtual ObservableKind kind() const = 0;
    /** The dimension of channels in its input and output: 1 of maps, −1 of tokens. */
    int64_t channel_axis() const;

    /**
     * The parameter; its first dimension is that of the output's channels. Undefined for a norm
     * without.
     */
    torch::Tensor& weight() { return weight_; }
    const torch::Tensor& weight() const { return weight_; }
    /** The parameter `[channels]`; an undefined tensor where there is none. */
    torch::Tensor& bias() { return bias_; }
    const torch::Tensor& bias() const { return bias_; }

    /**
     * To be called where the output ends in a sum, whatever order its terms are computed in; `sum`
     * is asked only by a tap. Up to there nothing but a factor a channel and an addend may happen
     * to the output.
     */
    void joins(const std::function<ResidualSum()>& sum) const;
    /** Whether this thread has a tap. */
    static bool is_tapped();
    /** Whether this thread's tap would see the sum. */
    static bool sums_are_wanted();

    /** How often one batch of images passes through it. */
    virtual int calls() const { return 1; }

    /** Itself as a layer; null for a norm. */
    virtual const QuantizableLayer* layer() const { return nullptr; }
    /** Those of a BatchNorm; null for the others. */
    virtual BatchStatistics* batch_statistics() { return nullptr; }
    const BatchStatistics* statistics() const {
        return const_cast<Observable*>(this)->batch_statistics();
    }

  protected:
    /** What this thread's tap, if any, makes of the input. */
    torch::Tensor tapped_input(const torch::Tensor& input) const;
    /** The output, which this thread's tap, if any, has seen. */
    torch::Tensor tapped_output(torch::Tensor output) const;

    // Registered by the module that it is.
    torch::Tensor weight_;
    torch::Tensor bias_;

  private:
    std::string name_;
};

/**
 * What watches layers and norms while a network runs. LibTorch's C++ modules have no forward hooks;
 * ours call the tap of the running thread instead, so one network can run on many threads at once
 * with a tap each.
 */
class Tap {
  public:
    virtual ~Tap() = default;
    /** Sees an input; returns what is to be used in its place. */
    virtual torch::Tensor on_input(const Observable& /*observed*/, const torch::Tensor& input) {
        return input;
    }
    /** Sees an output, before anything else is done with it. */
    virtual void on_output(const Observable& /*observed*/, const torch::Tensor& /*output*/) {}
    /** Of a StreamTap: sees the stream that an output has been or is about to be added to. */
    virtual void on_sum(const Observable& /*observed*/, const ResidualSum& /*sum*/) {}
    /** Whether all that is wanted has been seen: the network then runs no further. */
    virtual bool done() const { return false; }
};

/** A tap that is told of residual sums, which take a program time to find. */
class StreamTap : public Tap {};

/**
 * Calls `body` with `tap` (null: none) as that of the calling thread; calls nest. Returns false
 * when the tap was done before the body was.
 */
bool run_with_tap(Tap* tap, const std::function<void()>& body);

}  // namespace comq
