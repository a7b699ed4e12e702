#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "storage/host_tensor.hpp"
#include "weights/pickle_value.hpp"

namespace comq {

/** The bytes of a checkpoint's storages. */
class StorageSource {
  public:
    virtual ~StorageSource() = default;
    /** All `nbytes` bytes of a storage. Throws InputError when the file holds fewer. */
    virtual std::shared_ptr<const std::byte> load(const TorchStorage& storage,
                                                  std::size_t nbytes) = 0;
};

/** The dictionary of tensors inside a checkpoint's root object. */
struct StateDict {
    const PickleMapping* mapping = nullptr;
    std::string entry;                ///< "state_dict"; empty when it is the root itself
    std::vector<std::string> others;  ///< entries that would have done, too
    std::string prefix = {};          ///< of the names meant: all, if empty
};

/**
 * Finds the dictionary of tensors in what a training script saved: beside it may stand tensors
 * (counters, generator states), empty dictionaries and objects of any class.
 *
 * `wanted` (model.state_dict) is the path of a dictionary, its keys joined by dots, with the begin
 * of the tensors' names behind it where one dictionary holds several networks ("state_dict.ema").
 * Without it the entries of training scripts are looked for, in this order: state_dict_ema,
 * model_ema, ema, state_dict, model, model_state_dict, net; so averaged weights go before the last
 * step's, as in timm. Then the root itself is taken, or the one dictionary that there is.
 *
 * Throws InputError that lists the dictionaries when there is none, none of that path, or several.
 */
StateDict find_state_dict(const PickleValue& root, const std::string& wanted,
                          const std::string& file);

/**
 * The tensors of a state_dict; plain values beside them (numbers, None, text) are left out.
 * Storages are loaded once, and only those of these tensors. Throws InputError naming the tensor;
 * also for an object of a class that isn't read.
 */
TensorMap extract_tensors(const StateDict& state_dict, StorageSource& source,
                          const std::string& file, std::size_t file_size);

}  // namespace comq
