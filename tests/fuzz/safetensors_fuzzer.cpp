#include "fuzz/fuzz_target.hpp"
#include "storage/safetensors.hpp"

using namespace comq;

/**
 * Any JSON header, with its length before it and 64 bytes of data behind it, describes tensors that
 * lie in that data or is an Error of one line.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const uint64_t length = size;
    std::string file(reinterpret_cast<const char*>(&length), sizeof(length));
    file.append(reinterpret_cast<const char*>(data), size);
    file.append(64, '\0');
    fuzz::expect_only_errors([&] {
        fuzz::touch(parse_safetensors(copy_bytes("fuzz", std::as_bytes(std::span(file)))).tensors);
    });
    return 0;
}
