#pragma once

#include <map>
#include <string_view>

#include "weights/unpickler.hpp"

namespace comq {

/**
 * The meaning of torch.save's pickles: tensors over storages, ordered dictionaries, sizes. The
 * list of names is in the source file; an object of any other name becomes a PickleOpaque, which
 * is an error only where a tensor is needed.
 */
class TorchMeaning : public PickleMeaning {
  public:
    PickleRef call(const ByteReader& in, PickleArena& arena, std::size_t offset, PickleRef function,
                   std::span<const PickleRef> arguments) override;
    PickleRef persistent(const ByteReader& in, PickleArena& arena, std::size_t offset,
                         PickleRef id) override;

    /** Every storage mentioned so far, by key. */
    const std::map<std::string_view, TorchStorage>& storages() const { return storages_; }

  private:
    PickleRef dictionary(const ByteReader& in, PickleArena& arena, std::size_t offset,
                         std::span<const PickleRef> arguments);

    std::map<std::string_view, TorchStorage> storages_;
    std::size_t copied_entries_ = 0;
};

/** The DType of a torch.dtype's or storage class's name ("torch.float16",
 * "torch.cuda.HalfStorage"). */
std::optional<DType> torch_dtype(std::string_view name);

}  // namespace comq
