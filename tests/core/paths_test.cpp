#include "core/paths.hpp"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "core/errors.hpp"
#include "core/version.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** Sets COMQ_DATA for one test, or unsets it. */
class DataVariable {
  public:
    explicit DataVariable(const char* value) {
        if (const char* old = getenv("COMQ_DATA")) saved_ = old;
        if (value != nullptr) {
            setenv("COMQ_DATA", value, 1);
        } else {
            unsetenv("COMQ_DATA");
        }
    }
    ~DataVariable() {
        if (saved_) {
            setenv("COMQ_DATA", saved_->c_str(), 1);
        } else {
            unsetenv("COMQ_DATA");
        }
    }

  private:
    std::optional<std::string> saved_;
};

}  // namespace

TEST_CASE("a program that is not installed finds its data in the source tree") {
    const DataVariable unset(nullptr);
    CHECK(std::filesystem::equivalent(data_folder(), test::source_dir()));
    CHECK(std::filesystem::exists(source_folder() / "src" / "core" / "paths.cpp"));
}

TEST_CASE("COMQ_DATA overrides where data is looked for") {
    const auto folder = test::temporary_folder();
    const DataVariable set(folder.c_str());
    CHECK_THROWS_AS(data_folder(), UsageError);
    CHECK_THROWS_WITH(data_folder(), ContainsSubstring("no folders configs and datasets"));
    std::filesystem::create_directories(folder / "configs");
    std::filesystem::create_directories(folder / "datasets");
    CHECK(data_folder() == folder);
}

TEST_CASE("the version line names version and commit") {
    CHECK(std::string(version_line()) ==
          std::string(version()) + " (commit " + std::string(build_commit()) + ")");
    CHECK_FALSE(build_commit().empty());
}

TEST_CASE("a path that is named and not there is a usage error") {
    const fs::path folder = test::temporary_folder();
    std::ofstream(folder / "file") << "x";
    CHECK_NOTHROW(require_file(folder / "file"));
    CHECK_NOTHROW(require_folder(folder));
    CHECK_THROWS_AS(require_file(folder / "none"), UsageError);
    CHECK_THROWS_AS(require_file(folder / "file" / "below"), UsageError);
    CHECK_THROWS_WITH(require_folder(folder / "none", "data.root: "),
                      "data.root: " + (folder / "none").string() + ": No such file or directory");
    CHECK_THROWS_WITH(require_file(folder), folder.string() + ": is a folder, not a file");
    CHECK_THROWS_WITH(require_folder(folder / "file"),
                      (folder / "file").string() + ": is a file, not a folder");
}

TEST_CASE("a folder is created with those above it, or says why not") {
    const fs::path folder = test::temporary_folder();
    create_folder(folder / "a" / "b");
    CHECK(fs::is_directory(folder / "a" / "b"));
    CHECK_NOTHROW(create_folder(folder / "a"));
    CHECK_NOTHROW(create_folder(""));
    std::ofstream(folder / "file") << "x";
    const std::string below = (folder / "file" / "c").string();
    CHECK_THROWS_WITH(create_folder(below), below + ": cannot be created: Not a directory");
    CHECK_THROWS_WITH(create_folder(below, "choose another"),
                      below + ": cannot be created: Not a directory (choose another)");
}
