#include "fuzz/replay.hpp"

#include <glob.h>

#include <filesystem>
#include <sstream>
#include <vector>

#include "support/assets.hpp"
#include "support/catch.hpp"

namespace comq::test {

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> files_like(const std::string& pattern) {
    glob_t found{};
    std::vector<fs::path> files;
    if (::glob((source_dir() / pattern).c_str(), 0, nullptr, &found) == 0) {
        files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
    return files;
}

}  // namespace

void replay(const std::string& subject, int (*target)(const uint8_t*, std::size_t)) {
    std::vector<fs::path> files = files_like("tests/fuzz/found/" + subject + "/*");
    std::istringstream lines(text_of(source_dir() / "tests/fuzz/seeds.txt"));
    for (std::string of, pattern; lines >> of >> pattern;) {
        if (of != subject) continue;
        const auto seeds = files_like(pattern);
        CHECK_FALSE(seeds.empty());
        files.insert(files.end(), seeds.begin(), seeds.end());
    }
    CHECK_FALSE(files.empty());
    for (const fs::path& file : files) {
        INFO(file);
        const std::string text = text_of(file);
        // No byte more than the input has, for AddressSanitizer.
        const std::vector<uint8_t> bytes(text.begin(), text.end());
        CHECK_NOTHROW(target(bytes.data(), bytes.size()));
    }
}

}  // namespace comq::test
