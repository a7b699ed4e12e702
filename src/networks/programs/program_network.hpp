#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "networks/network.hpp"
#include "networks/programs/archive.hpp"
#include "networks/programs/cut_points.hpp"
#include "networks/programs/fused_calls.hpp"
#include "networks/programs/graph.hpp"
#include "networks/programs/layer_search.hpp"
#include "networks/programs/residual_sums.hpp"

namespace comq {

/** A program without its weights: the graph, and what networks made of it start with. */
struct Program {
    struct Tensor {
        std::vector<int64_t> shape;
        std::size_t same_as;  ///< the index of the first with the same elements; its own if none
        HostTensor values;    ///< of buffers and constants; a parameter's are not read
    };
    ProgramGraph graph;
    std::vector<Tensor> tensors;  ///< as graph.tensors

    int64_t classes() const;
    /** Height and width of its images, where they are fixed and the same; 0 otherwise. */
    int64_t image_size() const;
};

/** Throws InputError naming the file and the node or tensor for what is not read. */
std::shared_ptr<const Program> read_program(ProgramArchive& archive);

/** The parameters and buffers of the program's state_dict, as they are in its archive. */
TensorMap program_tensors(const Program& program, ProgramArchive& archive);

/**
 * The network of a program: its graph run node by node by LibTorch's dispatcher. Parameters and
 * buffers are registered under their names in the module, parameters zero until they are loaded.
 */
class ProgramNetwork final : public Network {
  public:
    explicit ProgramNetwork(std::shared_ptr<const Program> program);

    using Network::to;
    void to(torch::Device device, bool non_blocking = false) override;
    void parameters_moved() override;
    std::vector<torch::Tensor> constants() const override;

  private:
    void register_tensors();
    void add_blocks();
    torch::Tensor run_stretch(const Stretch& stretch, const torch::Tensor& input) const;
    /** Whether one kernel has done all that the chain's nodes do; false: nothing has been done. */
    bool run_chain(const FusedChain& chain, torch::jit::Stack& stack, Frame& frame) const;

    std::shared_ptr<const Program> program_;
    std::vector<c10::IValue> tensors_;  ///< by ValueId
    ProgramLayers layers_;
    ResidualSums sums_;
    std::vector<Stretch> stretches_;
    std::map<std::size_t, FusedChain> chains_;  ///< by their first node
};

}  // namespace comq
