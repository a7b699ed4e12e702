#include "export/checkpoint_layout.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/check.hpp"
#include "core/errors.hpp"
#include "networks/canonical_tensors.hpp"
#include "networks/load.hpp"
#include "torch_bridge/bridge.hpp"
#include "weights/checkpoint.hpp"

namespace comq {

namespace {

bool holds_floats(const HostTensor& tensor) {
    return tensor.dtype == DType::f64 || tensor.dtype == DType::f32 || tensor.dtype == DType::f16 ||
           tensor.dtype == DType::bf16;
}

/**
 * Numbers in the place of a checkpoint's elements: where the renaming takes them tells where each
 * element came from. They travel as the bits of floats, which nothing on the way computes with.
 */
class NumberedElements {
  public:
    explicit NumberedElements(const TensorMap& checkpoint) {
        for (const auto& [name, tensor] : checkpoint) {
            if (!holds_floats(tensor)) {
                numbered_[name] = tensor;
                continue;
            }
            const auto count = static_cast<std::size_t>(tensor.numel());
            if (count > std::numeric_limits<uint32_t>::max() - total_) {
                throw InputError("{}: the checkpoint has more elements than can be numbered", name);
            }
            std::vector<float> numbers(count);
            for (std::size_t i = 0; i < count; ++i) {
                numbers[i] = std::bit_cast<float>(static_cast<uint32_t>(total_ + i));
            }
            starts_[total_] = name;
            total_ += count;
            numbered_[name] = HostTensor::copy_of<float>(DType::f32, tensor.shape,
                                                         std::span<const float>(numbers));
        }
    }

    const TensorMap& tensors() const { return numbered_; }

    struct Place {
        const std::string& tensor;
        std::size_t element;
    };
    Place place(float number) const {
        const auto element = static_cast<std::size_t>(std::bit_cast<uint32_t>(number));
        const auto after = starts_.upper_bound(element);
        COMQ_CHECK(after != starts_.begin() && element < total_);
        const auto& [start, name] = *std::prev(after);
        return {name, element - start};
    }

  private:
    TensorMap numbered_;
    std::map<std::size_t, std::string> starts_;
    std::size_t total_ = 0;
};

/** Puts the values of one tensor of the network where its elements came from. */
void put_elements_back(const HostTensor& numbers, const HostTensor& values,
                       const NumberedElements& numbered,
                       std::map<std::string, std::vector<float>>& found,
                       std::vector<std::string>& origins, const TensorMap& checkpoint) {
    const std::span<const float> ids = numbers.as<float>();
    const std::span<const float> floats = values.as<float>();
    // Elements of a tensor follow each other in runs: look its name up once a run.
    std::vector<float>* target = nullptr;
    std::string name;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto place = numbered.place(ids[i]);
        if (target == nullptr || place.tensor != name) {
            name = place.tensor;
            target = &found[name];
            target->resize(static_cast<std::size_t>(checkpoint.at(name).numel()));
            if (std::ranges::find(origins, name) == origins.end()) origins.push_back(name);
        }
        (*target)[place.element] = floats[i];
    }
}

}  // namespace

CheckpointTensors put_back(const TensorMap& checkpoint, const TensorMap& state,
                           const Renaming& renaming) {
    const NumberedElements numbered(checkpoint);
    const TensorMap renamed = renaming(numbered.tensors());
    CheckpointTensors result{.tensors = checkpoint, .origins = {}};
    std::map<std::string, std::vector<float>> found;
    for (const auto& [name, numbers] : renamed) {
        const auto value = state.find(name);
        if (value == state.end() || numbers.dtype != DType::f32 || numbers.numel() == 0) continue;
        auto& origins = result.origins[name];
        if (value->second.numel() == numbers.numel()) {
            put_elements_back(numbers, value->second, numbered, found, origins, checkpoint);
        } else {
            origins = {numbered.place(numbers.as<float>()[0]).tensor};
            result.tensors[origins.front()] = value->second;
        }
    }
    for (const auto& [name, values] : found) {
        result.tensors[name] = HostTensor::copy_of<float>(DType::f32, checkpoint.at(name).shape,
                                                          std::span<const float>(values));
    }
    return result;
}

CheckpointTensors as_checkpoint(const ExportedRun& run) {
    const ModelConfig& config = run.config.model;
    const TensorMap state = run.state();
    if (!config.program.empty() && config.weights.empty()) {
        CheckpointTensors result{.tensors = state, .origins = {}};
        for (const auto& [name, tensor] : state) result.origins[name] = {name};
        return result;
    }
    const std::string file = run.model.checkpoint.string();
    return put_back(read_checkpoint(run.model.checkpoint, config.state_dict), state,
                    [&](const TensorMap& tensors) {
                        return config.program.empty()
                                   ? canonical_tensors(tensors, run.model.description->family, file)
                                   : tensors_named(tensors, checkpoint_names(run.network()), file);
                    });
}

}  // namespace comq
