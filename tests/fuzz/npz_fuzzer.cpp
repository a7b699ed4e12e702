#include "fuzz/fuzz_target.hpp"
#include "weights/npz.hpp"

using namespace comq;

/**
 * Any bytes are an array of NumPy, or an archive of such arrays, or an Error of one line: an
 * archive where they begin as one.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const FileBytes file = copy_bytes("fuzz", std::as_bytes(std::span(data, size)));
    fuzz::expect_only_errors([&] {
        if (!file.text().starts_with("PK")) {
            fuzz::touch({{"array", parse_npy(file)}});
            return;
        }
        ZipArchive archive(file);
        if (is_npz(archive)) fuzz::touch(read_npz(archive));
    });
    return 0;
}
