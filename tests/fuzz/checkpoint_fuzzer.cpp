#include "core/errors.hpp"
#include "weights/checkpoint.hpp"

/** Any bytes are a checkpoint or an Error. */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    try {
        comq::parse_checkpoint(comq::copy_bytes("fuzz", std::as_bytes(std::span(data, size))));
    } catch (const comq::Error&) {
    }
    return 0;
}
