#include "core/errors.hpp"
#include "storage/safetensors.hpp"

/** The input is the JSON header: random bytes would seldom have its length right. */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const uint64_t length = size;
    std::string file(reinterpret_cast<const char*>(&length), sizeof(length));
    file.append(reinterpret_cast<const char*>(data), size);
    file.append(64, '\0');
    try {
        comq::parse_safetensors(comq::copy_bytes("fuzz", std::as_bytes(std::span(file))));
    } catch (const comq::Error&) {
    }
    return 0;
}
