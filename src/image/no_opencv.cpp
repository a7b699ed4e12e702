#include "core/errors.hpp"
#include "image/opencv_decode.hpp"

namespace comq {

RgbImage decode_by_opencv(std::span<const std::byte> /*bytes*/, const std::string& name) {
    throw InputError(
        "{}: is no JPEG (or its first bytes are damaged), and this comq was built without OpenCV, "
        "which reads the other formats; scripts/setup.sh builds it with",
        name);
}

std::string opencv_version() { return "none"; }

}  // namespace comq
