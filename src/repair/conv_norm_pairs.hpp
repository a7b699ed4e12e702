#pragma once

#include <map>
#include <vector>

#include "networks/network.hpp"

namespace comq {

/** A convolution and the BatchNorm that its output goes through, and nothing else. */
struct ConvNormPair {
    Observable* convolution;
    Observable* norm;
};

/** Every pair of a network, in the order of its observables. */
std::vector<ConvNormPair> conv_norm_pairs(const Network& network);

/** The running mean of the BatchNorm behind each convolution that has one. */
std::map<const Observable*, torch::Tensor> means_behind(const Network& network);

}  // namespace comq
