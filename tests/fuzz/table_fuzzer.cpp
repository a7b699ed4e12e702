#include <spdlog/spdlog.h>

#include "fuzz/fuzz_target.hpp"
#include "table/table_spec.hpp"

using namespace comq;

/** Any bytes are a table or a UsageError. */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFile memory("table.yaml");
    spdlog::set_level(spdlog::level::off);  // names of figures that are deprecated
    memory.write(std::as_bytes(std::span(data, size)));
    fuzz::expect_only_errors([&] { read_table_spec(memory.path(), {}); }, fuzz::Lines::several);
    return 0;
}
