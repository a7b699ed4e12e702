#include <unistd.h>

#include <fstream>

#include "core/errors.hpp"
#include "results/run_file.hpp"
#include "storage/hdf5.hpp"
#include "support/assets.hpp"
#include "support/edit_hdf5.hpp"
#include "support/catch.hpp"
#include "table/made_runs.hpp"
#include "table/result_files.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

fs::path write(const fs::path& file, const RunRecord& run = test::record_of({})) {
    write_run_file(file, run);
    return file;
}

}  // namespace

TEST_CASE("result files are found by their content, below any folder and under any name") {
    const auto folder = test::temporary_folder();
    write(folder / "a.h5");
    write(folder / "deep" / "er" / "no extension");
    std::ofstream(folder / "notes.txt") << "nothing";
    test::write_hdf5(folder / "table of a sweep.h5", [](Hdf5Group root) {
        root.write_attribute("schema_version", std::string("1.0"));
    });
    write(folder / "running.h5.parts" / "b.h5");
    const auto found = find_results({folder, folder / "missing"}, Unreadable::refuse);
    REQUIRE(found.files.size() == 2);
    CHECK(found.files[0].path.filename() == "a.h5");
    CHECK(found.files[1].path.filename() == "no extension");
    CHECK(found.files[0].values.at("model.name") == "demo_vit");
    CHECK(found.files[0].run.quantized->image.empty());
    CHECK(found.files[0].evaluation_images.size() == 64);
    CHECK(found.warnings.empty());
}

TEST_CASE("what a run has not written to its end is no result") {
    const auto folder = test::temporary_folder();
    const auto file = write(folder / ".a.h5.4711-0.tmp");
    fs::resize_file(file, fs::file_size(file) / 2);
    CHECK(find_results({folder}, Unreadable::refuse).files.empty());
}

TEST_CASE("a file that was moved away before it is read holds no result") {
    const auto folder = test::temporary_folder();
    ResultFolder found;
    add_results({folder / "gone.h5", write(folder / "a.h5")}, Unreadable::refuse, found);
    REQUIRE(found.files.size() == 1);
    CHECK(found.files[0].path == folder / "a.h5");
    CHECK(found.warnings.empty());
}

TEST_CASE("links to folders and files are followed, each result is found once") {
    const auto folder = test::temporary_folder();
    const auto elsewhere = test::temporary_folder();
    write(folder / "a.h5");
    write(elsewhere / "b.h5");
    fs::create_directory_symlink(elsewhere, folder / "linked");
    fs::create_directory_symlink(folder, folder / "back");
    fs::create_symlink(folder / "a.h5", folder / "z.h5");
    fs::create_symlink(folder / "nowhere", folder / "dangling.h5");
    const auto found = find_results({folder, elsewhere}, Unreadable::refuse);
    REQUIRE(found.files.size() == 2);
    CHECK(found.files[0].path == folder / "a.h5");
    CHECK(found.files[1].path == folder / "linked" / "b.h5");
}

TEST_CASE("a folder that can't be searched is named, or passed over with a warning") {
    const auto folder = test::temporary_folder();
    write(folder / "a.h5");
    std::string expected;
    SECTION("a link that leads to itself") {
        fs::create_directory_symlink(folder / "loop", folder / "loop");
        expected = "loop: can't be searched for results: ";
    }
    SECTION("no permission") {
        if (::geteuid() == 0) return;  // who may read everything
        fs::create_directory(folder / "locked");
        fs::permissions(folder / "locked", fs::perms::none);
        expected = "locked: can't be searched for results: ";
    }
    CHECK_THROWS_AS(find_results({folder}, Unreadable::refuse), InputError);
    CHECK_THROWS_WITH(find_results({folder}, Unreadable::refuse),
                      ContainsSubstring(expected) && ContainsSubstring("--skip-unreadable"));
    const auto found = find_results({folder}, Unreadable::pass_over);
    CHECK(found.files.size() == 1);
    REQUIRE(found.warnings.size() == 1);
    CHECK_THAT(found.warnings[0], ContainsSubstring(expected));
    std::error_code none;  // so that the folder can be removed
    fs::permissions(folder / "locked", fs::perms::owner_all, none);
}

TEST_CASE("a damaged result file ends in one line that names it, or is passed over") {
    const auto folder = test::temporary_folder();
    write(folder / "whole.h5");
    std::string expected;
    SECTION("half written") {
        const auto file = write(folder / "half.h5");
        fs::resize_file(file, fs::file_size(file) / 2);
        expected = "half.h5";
    }
    SECTION("empty") {
        std::ofstream(folder / "empty.h5");
        expected = "empty.h5";
    }
    SECTION("something else") {
        std::ofstream(folder / "text.h5") << "no HDF5 file at all, but as long as one may be";
        expected = "text.h5";
    }
    SECTION("of a later schema") {
        const auto file = write(folder / "later.h5");
        test::edit_hdf5(file, [](Hdf5Group root) {
            root.write_attribute("schema_version", std::string("2.0"));
        });
        expected = "2.0";
    }
    SECTION("with a key that this version does not know") {
        RunRecord run = test::record_of({});
        run.config += "tomorrow: 1\n";
        write(folder / "key.h5", run);
        expected = "key 'tomorrow'";
    }
    CHECK_THROWS_AS(find_results({folder}, Unreadable::refuse), InputError);
    try {
        find_results({folder}, Unreadable::refuse);
    } catch (const InputError& error) {
        const std::string line = error.what();
        CHECK_THAT(line, ContainsSubstring(expected) && ContainsSubstring("--skip-unreadable"));
        CHECK(line.find('\n') == std::string::npos);
    }
    const auto found = find_results({folder}, Unreadable::pass_over);
    CHECK(found.files.size() == 1);
    REQUIRE(found.warnings.size() == 1);
    CHECK_THAT(found.warnings[0], ContainsSubstring(expected));
}
