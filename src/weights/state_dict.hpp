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
};

/**
 * Unwraps dictionaries by the entries of training scripts. Of several the first in this order is
 * taken: state_dict_ema, model_ema, ema, state_dict, model, model_state_dict, net; so averaged
 * weights go before the last step's, as in timm. Throws InputError when the root is none.
 */
StateDict find_state_dict(const PickleValue& root, const std::string& file);

/**
 * The tensors of a state_dict; plain values beside them (numbers, None, text) are left out.
 * Storages are loaded once, and only those of these tensors. Throws InputError naming the tensor;
 * also for an object of a class that isn't read.
 */
TensorMap extract_tensors(const StateDict& state_dict, StorageSource& source,
                          const std::string& file, std::size_t file_size);

}  // namespace comq
