#include "support/assets.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace comq::test {

namespace fs = std::filesystem;

namespace {

std::optional<fs::path> folder(const char* variable, const char* name) {
    if (const char* value = std::getenv(variable)) return fs::path(value);
    const fs::path beside = fs::path(COMQ_SOURCE_DIR).parent_path() / "shared" / name;
    if (fs::is_directory(beside)) return beside;
    return std::nullopt;
}

struct TemporaryFolders {
    std::vector<fs::path> paths;
    ~TemporaryFolders() {
        std::error_code ignored;
        for (const auto& path : paths) fs::remove_all(path, ignored);
    }
};

}  // namespace

std::optional<fs::path> assets() { return folder("COMQ_ASSETS", "assets"); }
std::optional<fs::path> golden() { return folder("COMQ_GOLDEN", "golden"); }
fs::path source_dir() { return COMQ_SOURCE_DIR; }

fs::path temporary_folder() {
    static TemporaryFolders folders;
    std::string pattern = (fs::temp_directory_path() / "comq-test-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    folders.paths.emplace_back(pattern);
    return pattern;
}

std::string text_of(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

void skip(const std::string& group, const std::string& what) {
    const char* required = std::getenv("COMQ_REQUIRE");
    const std::string list = fmt::format(",{},", required != nullptr ? required : "");
    if (list.find("," + group + ",") != std::string::npos) {
        FAIL("COMQ_REQUIRE names '" << group << "', but there are no " << what);
    }
    fmt::print("[comq skipped] no {}\n", what);
}

}  // namespace comq::test
