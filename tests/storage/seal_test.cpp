#include "storage/seal.hpp"

#include <fstream>
#include <string>
#include <vector>

#include "storage/atomic_file.hpp"
#include "storage/hdf5.hpp"
#include "storage/hdf5_heaps.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

std::vector<std::byte> small_file() {
    auto hdf5 = Hdf5File::create_in_memory("sealed.h5");
    auto root = hdf5.root();
    root.write_attribute("name", std::string("a text of the global heap"));
    root.write_column("values", std::vector<double>{1.0, 2.0, 3.0});
    return hdf5.image();
}

}  // namespace

TEST_CASE("every flipped bit of a sealed file is an error before HDF5 sees it") {
    const fs::path file = test::temporary_folder() / "sealed.h5";
    const auto content = small_file();
    write_file_atomically(file, content);
    REQUIRE(check_seal(file) == Seal::intact);
    CHECK(Hdf5File::open_for_reading(file).root().text_attribute("name").starts_with("a text"));

    // One in seven, so that every bit of a byte has its turn.
    for (std::size_t bit = 0; bit < 8 * content.size(); bit += 7) {
        auto damaged = content;
        damaged[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        std::ofstream(file, std::ios::binary)
            .write(reinterpret_cast<const char*>(damaged.data()), std::ssize(damaged));
        // A seal that is itself unreadable says nothing, and the content is what it was.
        if (check_seal(file) == Seal::none) {
            CHECK(Hdf5File::open_for_reading(file).root().text_attribute("name").size() == 25);
            continue;
        }
        CHECK_THROWS_WITH(Hdf5File::open_for_reading(file), ContainsSubstring("damaged"));
    }
}

TEST_CASE("a file without a seal is read as it is") {
    const fs::path file = test::temporary_folder() / "plain.h5";
    auto content = small_file();
    // HDF5's own end of the file: what other programs write.
    std::vector<std::byte> sealed = content;
    seal(sealed);
    const std::size_t length = sealed.size() - content.size();
    content.resize(content.size() - length);
    write_file_atomically(file, content);
    CHECK(check_seal(file) == Seal::none);
    CHECK(Hdf5File::open_for_reading(file).root().open_dataset("values").reals().size() == 3);
    sealed.resize(sealed.size() - length / 2);
    write_file_atomically(file, sealed);
    CHECK(check_seal(file) == Seal::broken);
    std::ofstream(file, std::ios::trunc) << "short";
    CHECK(check_seal(file) == Seal::none);
}

TEST_CASE("a file without a seal on which HDF5 would crash is an error") {
    const fs::path file = test::temporary_folder() / "plain.h5";
    std::vector<std::byte> content = small_file(), sealed = content;
    seal(sealed);
    content.resize(content.size() - (sealed.size() - content.size()));
    const std::string text(reinterpret_cast<const char*>(content.data()), content.size());
    const std::size_t heap = text.find("GCOL");
    REQUIRE(heap != std::string::npos);
    CHECK(heaps_are_whole(text));
    // Of the heap's first object, whose bytes HDF5 copies without a look at the heap's size.
    constexpr std::size_t header = 16, size = 8;
    for (const std::size_t bit : {3U, 5U, 11U, 12U, 13U, 20U, 32U, 63U}) {
        CAPTURE(bit);
        auto damaged = content;
        damaged[heap + header + size + bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        write_file_atomically(file, damaged);
        REQUIRE(check_seal(file) == Seal::none);
        CHECK_THROWS_WITH(
            Hdf5File::open_for_reading(file),
            ContainsSubstring("plain.h5: can't be opened") && ContainsSubstring("it is damaged"));
    }
}
