#include <fstream>

#include "core/errors.hpp"
#include "results/run_file.hpp"
#include "storage/hdf5.hpp"
#include "support/assets.hpp"
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
    auto table = Hdf5File::create(folder / "table of a sweep.h5");
    table.root().write_attribute("schema_version", std::string("1.0"));
    table.close();
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
        auto hdf5 = Hdf5File::open_for_writing(file);
        hdf5.root().write_attribute("schema_version", std::string("2.0"));
        hdf5.close();
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
