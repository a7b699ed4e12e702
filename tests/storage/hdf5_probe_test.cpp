#include <fstream>
#include <utility>

#include "core/errors.hpp"
#include "storage/hdf5.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** A run of an early version of comq, which sealed none, with other bytes at some offsets. */
fs::path damaged(const std::vector<std::pair<std::size_t, char>>& changes) {
    std::string bytes =
        test::text_of(test::source_dir() / "tests" / "results" / "files" / "schema_1_0.h5");
    REQUIRE(bytes.size() > 30'000);
    for (const auto& [offset, value] : changes) bytes.at(offset) = value;
    const fs::path file = test::temporary_folder() / "run.h5";
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
}

}  // namespace

TEST_CASE("a file without a seal on which HDF5 crashes is an error of one line") {
    // Found by changing bytes at random; HDF5 1.10.8 ends the process by a segmentation fault.
    for (const auto& [offset, value] : {std::pair{2687, '\4'}, std::pair{2583, '\4'}}) {
        const fs::path file = damaged({{offset, value}});
        CHECK_THROWS_WITH(Hdf5File::open_for_reading(file),
                          ContainsSubstring(file.string() + ": can't be opened: it is damaged"));
    }
}

TEST_CASE("a file without a seal for which HDF5 would take gigabytes is an error of one line") {
    std::vector<std::pair<std::size_t, char>> changes;
    for (std::size_t offset = 8540; offset < 8548; ++offset) changes.emplace_back(offset, '\xff');
    CHECK_THROWS_WITH(Hdf5File::open_for_reading(damaged(changes)),
                      ContainsSubstring("can't be opened: it is damaged, HDF5 "));
}

TEST_CASE("what HDF5 can read of a file without a seal is read") {
    CHECK(Hdf5File::open_for_reading(damaged({})).root().text_attribute("schema_version") == "1.0");
}
