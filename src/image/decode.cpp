#include "image/decode.hpp"

#include <limits>

#include "core/errors.hpp"
#include "image/jpeg.hpp"
#include "image/opencv_decode.hpp"

namespace comq {

RgbImage decode_image(std::span<const std::byte> bytes, const std::string& name) {
    if (bytes.empty()) throw InputError("{}: the image file is empty", name);
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        throw InputError("{}: {} bytes are too many for an image", name, bytes.size());
    }
    if (is_jpeg(bytes)) return decode_jpeg(bytes, name);
    return decode_by_opencv(bytes, name);
}

}  // namespace comq
