#include "data/encoded_source.hpp"

#include "data/content_memory.hpp"
#include "image/decode.hpp"

namespace comq {

RgbImage EncodedSource::load(int64_t index) const {
    return decode_image(encoded(index), shown_name(index));
}

uint64_t EncodedSource::content(int64_t index) const { return content_hash(encoded(index)); }

}  // namespace comq
