#include <filesystem>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "data/shard_pattern.hpp"
#include "data/tar_builder.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

std::unique_ptr<ImageSource> open_shards(const fs::path& path, Split split = Split::evaluation,
                                         const fs::path& synsets = {}) {
    return open_layout("webdataset", path, split, synsets);
}

/** Two shards of two and one samples. */
fs::path two_shards() {
    const fs::path root = temporary_folder();
    write_text(root / "val-000.tar", TarBuilder()
                                         .add("x/a.1.jpg", jpeg_of_grey(10))
                                         .add("x/b.jpg", jpeg_of_grey(20))
                                         .add("x/b.cls", "7\n")
                                         .add("x/b.json", "{\"label\": 3}")
                                         .add("x/a.json", "{\"caption\": \"a\", \"cls\": 2}")
                                         .finish());
    write_text(root / "val-001.tar", TarBuilder(TarBuilder::Form::gnu)
                                         .add("a.cls", "0")
                                         .add("a.PNG.txt", "a companion")
                                         .add("a.jpeg", jpeg_of_grey(30))
                                         .finish());
    return root;
}

}  // namespace

TEST_CASE("samples of WebDataset shards have the image and the class of their name") {
    const fs::path root = two_shards();
    for (const char* path : {"val-{000..001}.tar", "val-*.tar", "val-{000,001}.tar", ""}) {
        CAPTURE(path);
        for (int run = 0; run < 2; ++run) {  // the second from the index
            const auto source = open_shards(root / path);
            REQUIRE(source->size() == 3);
            CHECK(source->classes() == 8);
            CHECK(source->info(0).id == "val-000.tar:x/a.1.jpg");
            CHECK(source->info(0).label == 2);
            CHECK(source->info(1).label == 7);
            CHECK(source->info(2).label == 0);
            CHECK(source->load(0).pixels.front() == 10);
            CHECK(source->load(2).pixels.front() == 30);
        }
    }
    CHECK(open_shards(root / "val-000.tar")->size() == 2);
    CHECK(open_shards(root / "val-000.tar", Split::evaluation, "imagenet")->classes() == 1000);
    const auto source = open_shards(root);
    CHECK(source->version(0)->bytes == fs::file_size(root / "val-000.tar"));
    CHECK(source->content(0) != source->content(1));
}

TEST_CASE("shards that can't be a data set are refused by name") {
    const fs::path root = two_shards();
    const auto refused = [&](const std::string& path, const std::string& reason) {
        CHECK_THROWS_WITH(open_shards(root / path),
                          ContainsSubstring("data.evaluation") && ContainsSubstring(reason));
    };
    refused("val-{000..002}.tar", "val-002.tar is not there");
    refused("train-*.tar", "no file is called");
    refused("val-{000..x}.tar", "no range of shards");
    refused("val-{000", "does not close");
    refused("none.tar", "none.tar is not there");
    fs::create_directories(root / "empty");
    refused("empty", "holds no shards");
    const auto shard = [&](const TarBuilder& builder) {
        write_text(root / "bad.tar", builder.finish());
        return root / "bad.tar";
    };
    CHECK_THROWS_WITH(open_shards(shard(TarBuilder().add("a.txt", "1"))),
                      ContainsSubstring("hold no images"));
    CHECK_THROWS_WITH(open_shards(shard(TarBuilder().add("a.jpg", jpeg_of_grey(1)))),
                      ContainsSubstring("a.jpg") && ContainsSubstring(".cls"));
    CHECK(open_shards(shard(TarBuilder().add("a.jpg", jpeg_of_grey(1))), Split::calibration)
              ->info(0)
              .label == -1);
    CHECK_THROWS_WITH(
        open_shards(
            shard(TarBuilder().add("a.in.jpg", jpeg_of_grey(1)).add("a.out.jpg", jpeg_of_grey(1)))),
        ContainsSubstring("two images"));
    CHECK_THROWS_WITH(
        open_shards(shard(TarBuilder().add("a.jpg", jpeg_of_grey(1)).add("a.json", "{\"x\": 1}"))),
        ContainsSubstring("a.json") && ContainsSubstring("'label'"));
    CHECK_THROWS_WITH(
        open_shards(shard(TarBuilder()
                              .add("a.jpg", jpeg_of_grey(1))
                              .add("a.cls", "1")
                              .add("b.jpg", jpeg_of_grey(1))
                              .add("b.cls", "cat"))),
        ContainsSubstring("bad.tar:2") && ContainsSubstring("'cat' is no class index"));
    const std::string whole = text_of(root / "val-000.tar");
    write_text(root / "bad.tar", whole.substr(0, 700));
    CHECK_THROWS_AS(open_shards(root / "bad.tar"), InputError);
    CHECK_THROWS_WITH(open_shards(root / "bad.tar"), ContainsSubstring("bad.tar"));
    CHECK_THROWS_WITH(
        open_shards(shard(TarBuilder().add("a.jpg", "no image").add("a.cls", "1")))->load(0),
        ContainsSubstring("bad.tar: a.jpg"));
    write_text(root / "bad.tar", "\x1F\x8B, which is gzip's");
    CHECK_THROWS_WITH(open_shards(root / "bad.tar"), ContainsSubstring("gunzip"));
}
