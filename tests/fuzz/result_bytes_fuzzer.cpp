#include "fuzz/fuzz_target.hpp"
#include "results/run_file.hpp"

using namespace comq;

/** Any bytes without a seal are a run or an Error of one line: a sealed file is as comq wrote it.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFile memory("run.h5");
    memory.write(std::as_bytes(std::span(data, size)));
    for (const ReadScope scope : {ReadScope::summary, ReadScope::everything}) {
        fuzz::expect_only_errors([&] { read_run_file(memory.path(), scope); });
    }
    return 0;
}
