#include "support/catch.hpp"
#include "support/mutate.hpp"
#include "weights/checkpoint.hpp"
#include "weights/checkpoints.hpp"

using namespace comq;
using namespace comq::test;

namespace {

/** Reads every byte of every tensor, so that a sanitizer sees where they point. */
void read_everything(std::span<const std::byte> bytes) {
    uint64_t sum = 0;
    uint64_t count = 0;
    for (const auto& [name, tensor] : parse_checkpoint(copy_bytes("w", bytes)).tensors) {
        for (const std::byte byte : tensor.bytes()) sum += static_cast<uint64_t>(byte);
        count += tensor.nbytes();
    }
    CHECK(sum <= 255 * count);
}

}  // namespace

TEST_CASE("a damaged checkpoint gives errors and nothing worse") {
    for (const char* name :
         {"zip_training.pth", "zip_protocol4.pth", "zip_deflated.pth", "legacy_training.pth",
          "legacy_views.pth", "legacy_parameters.pth", "arrays.npz", "arrays_compressed.npz"}) {
        INFO(name);
        const FileBytes file = map_file(checkpoint(name));
        expect_only_errors(file.bytes(), file.size, 2000, read_everything);
    }
}
