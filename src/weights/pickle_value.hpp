#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "storage/host_tensor.hpp"

namespace comq {

struct PickleValue;
/** Values live in a PickleArena and refer to each other freely, in cycles too. */
using PickleRef = PickleValue*;

struct PickleNone {};
/** An integer beyond 64 bits, as little-endian two's complement. */
struct PickleBigInteger {
    std::string_view bytes;
};
/** Lists, tuples and sets. */
struct PickleSequence {
    std::vector<PickleRef> items;
};
/** Dictionaries in order of insertion; a key may stand twice, the last one counts. */
struct PickleMapping {
    std::vector<std::pair<PickleRef, PickleRef>> entries;
};
/** A class or function, by name only: "collections.OrderedDict". */
struct PickleGlobal {
    std::string name;
};
/** An object that an unknown class or function would have made. */
struct PickleOpaque {
    std::string_view made_by;
};
/** A torch storage: a run of bytes elsewhere in the file. */
struct TorchStorage {
    std::string_view key;
    std::string_view type;       ///< "torch.FloatStorage"
    std::optional<DType> dtype;  ///< none: not one of ours, or untyped bytes
    int64_t numel = 0;           ///< elements (bytes, if untyped) of the whole storage
    int64_t view_offset = 0;     ///< first element of a legacy view of it
};
/** A strided view of a storage; the parts are checked when the tensor is used. */
struct TorchTensor {
    PickleRef storage = nullptr;
    PickleRef offset = nullptr;  ///< elements
    PickleRef size = nullptr;
    PickleRef stride = nullptr;
    PickleRef dtype = nullptr;  ///< a global like torch.float32 when the storage is untyped
    PickleRef flags = nullptr;  ///< {"neg": True, …}: what a lazy view does to its numbers
};

struct PickleValue {
    std::variant<PickleNone, bool, int64_t, double, std::string_view, PickleBigInteger,
                 PickleSequence, PickleMapping, PickleGlobal, PickleOpaque, TorchStorage,
                 TorchTensor>
        value;
    std::size_t offset = 0;  ///< byte of the opcode that made it

    /** The alternative `T`, or null. */
    template <typename T>
    T* get() {
        return std::get_if<T>(&value);
    }
    template <typename T>
    const T* get() const {
        return std::get_if<T>(&value);
    }
};

/** "a list or tuple", "an object of argparse.Namespace", … for messages. */
std::string describe(const PickleValue& value);

/** Owns the values of one pickle; text in them views the pickle's bytes. */
class PickleArena {
  public:
    template <typename T>
    PickleRef make(std::size_t offset, T&& value) {
        values_.push_back({std::forward<T>(value), offset});
        return &values_.back();
    }
    std::size_t size() const { return values_.size(); }

  private:
    std::deque<PickleValue> values_;
};

}  // namespace comq
