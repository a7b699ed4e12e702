#include "fuzz/fuzz_target.hpp"
#include "results/run_file.hpp"
#include "storage/seal.hpp"

using namespace comq;

namespace {

void read(const fuzz::MemoryFile& memory, fuzz::Bytes bytes) {
    memory.write(bytes);
    for (const ReadScope scope : {ReadScope::summary, ReadScope::everything}) {
        fuzz::expect_only_errors([&] { read_run_file(memory.path(), scope); });
    }
}

}  // namespace

/** Any bytes, as they are and sealed, are a run or an Error of one line. */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFile memory("run.h5");
    const fuzz::Bytes bytes = std::as_bytes(std::span(data, size));
    read(memory, bytes);
    std::vector<std::byte> sealed(bytes.begin(), bytes.end());
    seal(sealed);
    read(memory, sealed);
    return 0;
}
