#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/image_source.hpp"

namespace comq {

/** Images stored as encoded files, each read as a whole. */
class EncodedSource : public ImageSource {
  public:
    RgbImage load(int64_t index) const final;
    /** Of the encoded bytes, so that the same files packed and unpacked count as the same. */
    uint64_t content(int64_t index) const final;

  protected:
    /** Throws InputError naming the file. */
    virtual std::vector<std::byte> encoded(int64_t index) const = 0;
    /** What messages call the image: a path, or an archive's and the name inside it. */
    virtual std::string shown_name(int64_t index) const = 0;
};

}  // namespace comq
