#include "fuzz/fuzz_target.hpp"
#include "weights/checkpoint.hpp"

using namespace comq;

/** Any bytes are a checkpoint, whose tensors lie in them, or an Error of one line. */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const fuzz::Bytes bytes = std::as_bytes(std::span(data, size));
    fuzz::expect_only_errors(
        [&] { fuzz::touch(parse_checkpoint(copy_bytes("fuzz", bytes)).tensors); });
    return 0;
}
