#include "storage/atomic_file.hpp"

#include <fstream>
#include <string>

#include "core/errors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/file_size_limit.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& file, const std::string& text) {
    write_file_atomically(file, std::as_bytes(std::span(text)));
}

std::ptrdiff_t files_in(const fs::path& folder) {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

}  // namespace

TEST_CASE("an atomic write replaces the file and leaves nothing else") {
    const fs::path folder = test::temporary_folder();
    write(folder / "layer.bin", "old");
    write(folder / "layer.bin", "");
    CHECK(test::text_of(folder / "layer.bin").empty());
    write(folder / "layer.bin", std::string(100'000, 'n'));
    CHECK(test::text_of(folder / "layer.bin") == std::string(100'000, 'n'));
    CHECK(files_in(folder) == 1);
}

TEST_CASE("a file that is not committed changes nothing") {
    const fs::path folder = test::temporary_folder();
    write(folder / "layer.bin", "old");
    {
        const std::string half = "half of the n";
        AtomicFile file(folder / "layer.bin");
        file.write(std::as_bytes(std::span(half)));
        CHECK(file.temporary().parent_path() == folder);
        CHECK(fs::exists(file.temporary()));
    }
    CHECK(test::text_of(folder / "layer.bin") == "old");
    CHECK(files_in(folder) == 1);
}

TEST_CASE("a failed write keeps the old content, removes the temporary and says what to do") {
    const fs::path folder = test::temporary_folder();
    write(folder / "layer.bin", "old");
    std::string message;
    {
        const test::FileSizeLimit limit(1000);
        try {
            write(folder / "layer.bin", std::string(5000, 'n'));
        } catch (const Error& error) {
            message = error.what();
        }
    }
    CHECK_THAT(message, ContainsSubstring((folder / "layer.bin").string()));
    CHECK_THAT(message, ContainsSubstring("File too large (raise the limit"));
    CHECK(test::text_of(folder / "layer.bin") == "old");
    CHECK(files_in(folder) == 1);
}

TEST_CASE("a missing folder is named with the remedy") {
    const fs::path file = test::temporary_folder() / "missing" / "layer.bin";
    CHECK_THROWS_WITH(write(file, "x"), ContainsSubstring(file.string()) &&
                                            ContainsSubstring("create the folder first"));
}

TEST_CASE("an atomic file gets the permissions of any new file") {
    const fs::path folder = test::temporary_folder();
    std::ofstream(folder / "plain") << "x";
    write(folder / "atomic", "x");
    CHECK(fs::status(folder / "atomic").permissions() ==
          fs::status(folder / "plain").permissions());
}
