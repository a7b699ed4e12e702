#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/python.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<ImageSource> open_parquet(const fs::path& path, Split split = Split::evaluation,
                                          const fs::path& synsets = {}) {
    return open_layout("parquet", path, split, synsets);
}

/** Shards of make_parquet.py; none without PyArrow, which is said. */
std::optional<fs::path> parquet_shards() {
    const fs::path root = temporary_folder();
    for (int i = 0; i < 5; ++i) write_jpeg(root / fmt::format("{}.jpg", i), 40 * i);
    ::setenv("PYTHONPATH", COMQ_PYARROW, 1);
    const auto python = python_with("pyarrow.parquet");
    ::unsetenv("PYTHONPATH");
    if (!python) {
        skip("pyarrow", "Python with PyArrow");
        return std::nullopt;
    }
    REQUIRE(run_python("PYTHONPATH=" COMQ_PYARROW " " + *python,
                       source_dir() / "tests" / "data" / "make_parquet.py", root.string()));
    return root;
}

}  // namespace

TEST_CASE("Hugging Face's Parquet shards give images and labels") {
    const auto root = parquet_shards();
    if (!root) return;
    for (const char* path : {"val-*.parquet", "val-{0..1}.parquet"}) {
        const auto source = open_parquet(*root / path);
        REQUIRE(source->size() == 5);
        CHECK(source->classes() == 1000);
        for (int64_t i = 0; i < 5; ++i) {
            CHECK(source->info(i).label == 100 * i);
            CHECK(source->load(i).pixels.front() == 40 * i);
            CHECK(source->content(i) != source->content((i + 1) % 5));
        }
        CHECK(source->info(0).id == "val-0.parquet:0");
        CHECK(source->info(4).id == "val-1.parquet:1");
    }
    const auto plain = open_parquet(*root / "plain.parquet");
    CHECK(plain->size() == 2);
    CHECK(plain->classes() == 8);
    CHECK(plain->info(1).label == 7);
    CHECK(open_parquet(*root / "plain.parquet", Split::evaluation, "imagenet")->classes() == 1000);
    CHECK(plain->load(1).pixels.front() == 40);
    CHECK_THROWS_WITH(open_parquet(*root / "holes.parquet")->load(1),
                      ContainsSubstring("row 1") && ContainsSubstring("empty"));
    CHECK(open_parquet(*root / "unlabelled.parquet", Split::calibration)->info(0).label == -1);
}

TEST_CASE("Parquet files that can't be a data set are refused by name") {
    const auto root = parquet_shards();
    if (!root) return;
    const auto refused = [&](const std::string& name, const std::string& reason) {
        CHECK_THROWS_WITH(open_parquet(*root / name),
                          ContainsSubstring(name) && ContainsSubstring(reason));
    };
    refused("unlabelled.parquet", "no column of labels");
    refused("pixels.parquet", "no column of encoded images (one of image.bytes");
    refused("pixels.parquet", "it has pixels");
    refused("words.parquet", "its column 'label' is BYTE_ARRAY, not class indices");
    refused("none.parquet", "is not there");
    write_text(*root / "text.parquet", "no Parquet at all, only words");
    refused("text.parquet", "is the file complete?");
    const std::string whole = text_of(*root / "val-0.parquet");
    write_text(*root / "cut.parquet", whole.substr(0, whole.size() / 2));
    refused("cut.parquet", "is the file complete?");
    // The footer is whole and the pages are not.
    std::string damaged = whole;
    std::fill(damaged.begin() + 4, damaged.begin() + 400, '\xFF');
    write_text(*root / "damaged.parquet", damaged);
    const auto read = [&] { open_parquet(*root / "damaged.parquet")->load(0); };
    CHECK_THROWS_AS(read(), InputError);
    CHECK_THROWS_WITH(read(), ContainsSubstring("damaged.parquet"));
}
