#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace comq::test {

/** Calls the target with the examples that libFuzzer starts from and with what it once found. */
void replay(const std::string& subject, int (*target)(const uint8_t* data, std::size_t size));

}  // namespace comq::test

/** The test case of SUBJECT_fuzzer.cpp, whose LLVMFuzzerTestOneInput is fuzz_SUBJECT here. */
#define COMQ_REPLAY(subject)                                              \
    extern "C" int fuzz_##subject(const uint8_t* data, std::size_t size); \
    TEST_CASE("inputs of the fuzzer " #subject) { comq::test::replay(#subject, fuzz_##subject); }
