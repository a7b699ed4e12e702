#pragma once

#include "torch_bridge/torch.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "networks/describe_model.hpp"
#include "networks/exported_programs.hpp"
#include "networks/load.hpp"
#include "networks/programs/program_network.hpp"

namespace comq::test {

/** A program that a script of this folder has written, with the batch that lies beside it. */
struct LoadedProgram {
    std::shared_ptr<const ModelDescription> description;
    std::shared_ptr<Network> network;
    torch::Tensor images;  ///< [3, 3, size, size]
    torch::Tensor logits;  ///< of PyTorch, [3, classes]
};

/** NAME.pt2 of `folder`, with its own weights; PyTorch has one thread from then on. */
LoadedProgram load_exported(const std::filesystem::path& folder, const std::string& name);

/** Names of nn.Linear and convolutions that ran in the module and are neither a layer of its
 *  program nor listed as one that can't be quantized. */
std::vector<std::string> missed_layers(const std::filesystem::path& folder, const std::string& name,
                                       const Network& network);

}  // namespace comq::test
