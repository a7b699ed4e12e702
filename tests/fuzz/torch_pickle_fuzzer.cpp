#include "fuzz/fuzz_target.hpp"
#include "weights/checkpoint.hpp"

using namespace comq;

namespace {

const std::string storage(256, '\x3f');

}  // namespace

/**
 * Any bytes as the data.pkl of torch.save's archive, beside four storages of 256 bytes, give
 * tensors that lie in these or an Error of one line: few changes of a whole archive would have its
 * checksums right.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    const auto archive =
        fuzz::stored_zip({{"net/data.pkl", fuzz::text_of(std::as_bytes(std::span(data, size)))},
                          {"net/data/0", storage},
                          {"net/data/1", storage},
                          {"net/data/2", storage},
                          {"net/data/3", storage}});
    for (const std::string wanted : {"", "model"}) {
        fuzz::expect_only_errors(
            [&] { fuzz::touch(parse_checkpoint(copy_bytes("fuzz", archive), wanted).tensors); });
    }
    return 0;
}
