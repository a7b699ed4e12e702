#include "image/decode.hpp"

#include <limits>
#include <new>

#include "core/errors.hpp"
#include "image/image_header.hpp"
#include "image/jpeg.hpp"
#include "image/netpbm.hpp"
#include "image/opencv_decode.hpp"

namespace comq {

RgbImage decode_image(std::span<const std::byte> bytes, const std::string& name) {
    if (bytes.empty()) throw InputError("{}: the image file is empty", name);
    if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        throw InputError("{}: {} bytes are too many for an image", name, bytes.size());
    }
    try {
        switch (read_image_header(bytes, name).format) {
            case ImageFormat::jpeg:
                return decode_jpeg(bytes, name);
            case ImageFormat::netpbm:
                return decode_netpbm(bytes, name);
            default:
                return decode_by_opencv(bytes, name);
        }
    } catch (const std::bad_alloc&) {
        throw InputError("{}: there is no memory for its pixels; is it cut short or corrupt?",
                         name);
    }
}

}  // namespace comq
