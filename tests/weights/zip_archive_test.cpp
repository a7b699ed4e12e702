#include "weights/zip_archive.hpp"

#include <string>

#include "core/errors.hpp"
#include "support/catch.hpp"
#include "weights/checkpoint.hpp"

using namespace comq;

namespace {

template <typename Number>
void append(std::string& bytes, Number number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

/** A zip of one entry with `compressed` bytes of content that claims to unpack to `size`. */
std::string claiming(const std::string& name, uint32_t compressed, uint32_t size) {
    std::string shared;  // by the header of an entry and the directory
    for (const uint16_t number : {20, 0, 8 /* deflate */, 0, 0x21}) append(shared, number);
    for (const uint32_t number : {0U, compressed, size}) append(shared, number);
    append(shared, static_cast<uint16_t>(name.size()));
    append(shared, uint16_t{0});
    std::string zip = "PK\3\4" + shared + name + std::string(compressed, '\0');
    const auto directory = static_cast<uint32_t>(zip.size());
    zip += "PK\1\2";
    append(zip, uint16_t{20});
    zip += shared + std::string(14, '\0') + name;
    const auto length = static_cast<uint32_t>(zip.size()) - directory;
    zip += std::string("PK\5\6\0\0\0\0", 8);
    for (const uint16_t count : {1, 1}) append(zip, count);
    for (const uint32_t number : {length, directory}) append(zip, number);
    return zip + std::string(2, '\0');
}

std::string refusal_of(const std::string& zip) {
    try {
        parse_checkpoint(copy_bytes("w.zip", std::as_bytes(std::span(zip))));
    } catch (const InputError& error) {
        return error.what();
    }
    return "none";
}

}  // namespace

TEST_CASE("an archive that would unpack to far more than it is takes no memory for it") {
    constexpr uint32_t compressed = 200'000, megabyte = 1 << 20;
    const std::string few = claiming("w.npy", compressed, 60 * megabyte);
    CHECK_THAT(refusal_of(few), ContainsSubstring("w.zip (w.npy): damaged after 0 of 62914560"));
    for (const char* name : {"w.npy", "archive/data.pkl"}) {
        const std::string much = claiming(name, compressed, 100 * megabyte);
        CHECK_THAT(refusal_of(much), ContainsSubstring("unpacks to more than") &&
                                         ContainsSubstring("without compression"));
    }
    CHECK_THAT(refusal_of(claiming("w.npy", 10, 60 * megabyte)),
               ContainsSubstring("its size doesn't fit the file"));
}
