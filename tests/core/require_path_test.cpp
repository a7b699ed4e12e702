#include "core/require_path.hpp"

#include <fstream>

#include "core/errors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

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
