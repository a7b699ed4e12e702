#pragma once

#include <span>

#include "weights/byte_reader.hpp"
#include "weights/pickle_value.hpp"

namespace comq {

/** The meaning of the names in a pickle. */
class PickleMeaning {
  public:
    virtual ~PickleMeaning() = default;
    /** The result of calling `function` (or making an object of that class). */
    virtual PickleRef call(const ByteReader& in, PickleArena& arena, std::size_t offset,
                           PickleRef function, std::span<const PickleRef> arguments) = 0;
    /** The object outside the pickle that `id` stands for. */
    virtual PickleRef persistent(const ByteReader& in, PickleArena& arena, std::size_t offset,
                                 PickleRef id) = 0;
};

/**
 * Reads one pickle (protocols 1 to 5, as Python's pickle.Pickler writes them) from `in`, up to
 * and with its STOP. It is a data format here: nothing is imported or executed, names get their
 * meaning from `meaning` alone. Opcodes outside an allow-list (extension codes, persistent ids of
 * protocol 0, out-of-band buffers) are errors. There is no recursion, and the memory used is at
 * most proportional to the pickle. Throws InputError with the byte offset.
 */
PickleRef unpickle(ByteReader& in, PickleArena& arena, PickleMeaning& meaning);

}  // namespace comq
