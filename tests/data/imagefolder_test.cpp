#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "data/image_source.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

DataConfig folder_config(const fs::path& folder, const fs::path& synsets = {}) {
    DataConfig config;
    config.evaluation = folder;
    config.calibration = folder;
    config.synsets = synsets;
    return config;
}

std::vector<std::string> ids_of(const ImageSource& source) {
    std::vector<std::string> ids;
    for (int64_t i = 0; i < source.size(); ++i) ids.push_back(source.info(i).id);
    return ids;
}

}  // namespace

TEST_CASE("images are ordered by class folder and name, labels by sorted folder") {
    const fs::path root = temporary_folder();
    write_jpeg(root / "b" / "2.JPEG");
    write_jpeg(root / "b" / "10.jpg");
    write_jpeg(root / "a" / "z.png");
    write_jpeg(root / "a-b" / "y.jpeg");
    write_text(root / "b" / "notes.txt", "no image");
    write_text(root / "b" / "._2.JPEG", "a hidden companion some systems leave");
    write_text(root / ".cache" / "x.JPEG", "");
    const auto source = open_image_source(folder_config(root), Split::evaluation);
    CHECK(ids_of(*source) ==
          std::vector<std::string>{"a/z.png", "a-b/y.jpeg", "b/10.jpg", "b/2.JPEG"});
    CHECK(source->classes() == 3);
    CHECK(source->info(0).label == 0);
    CHECK(source->info(1).label == 1);
    CHECK(source->info(3).label == 2);
    CHECK(source->info(3).bytes == fs::file_size(root / "b" / "2.JPEG"));
    CHECK(source->load(2).width == 16);
}

TEST_CASE("with a synsets file the label is the line of the class") {
    const fs::path root = temporary_folder();
    write_jpeg(root / "set" / "n02" / "x.JPEG");
    write_jpeg(root / "set" / "n04" / "x.JPEG");
    const fs::path synsets = root / "synsets.txt";
    write_text(synsets, "n01 tench, Tinca tinca\nn02 goldfish\nn03\nn04\n\n");
    const auto source = open_image_source(folder_config(root / "set", synsets), Split::evaluation);
    CHECK(source->classes() == 4);
    CHECK(source->info(0).label == 1);
    CHECK(source->info(1).label == 3);

    SECTION("a folder that is no class") {
        write_jpeg(root / "set" / "misc" / "x.JPEG");
        CHECK_THROWS_WITH(
            open_image_source(folder_config(root / "set", synsets), Split::evaluation),
            ContainsSubstring("misc") && ContainsSubstring("data.synsets") &&
                ContainsSubstring("data.evaluation"));
    }
    SECTION("malformed synsets files") {
        const auto open_with = [&](const std::string& text) {
            write_text(synsets, text);
            return open_image_source(folder_config(root / "set", synsets), Split::evaluation);
        };
        CHECK_THROWS_WITH(open_with("n01\n\nn02\n"), ContainsSubstring("synsets.txt:2"));
        CHECK_THROWS_WITH(open_with("n01\nn02\nn01\n"),
                          ContainsSubstring("synsets.txt:3") && ContainsSubstring("line 1"));
        CHECK_THROWS_WITH(open_with(""), ContainsSubstring("names no classes"));
    }
    SECTION("a missing synsets file") {
        CHECK_THROWS_WITH(
            open_image_source(folder_config(root / "set", root / "no.txt"), Split::evaluation),
            ContainsSubstring("data.synsets") && ContainsSubstring("no.txt"));
    }
}

TEST_CASE("images of folders inside a class folder belong to the class") {
    const fs::path root = temporary_folder();
    for (const char* image : {"a/1.JPEG", "b/more/2.JPEG", "b/more/most/0.JPEG", "b/more-x/4.JPEG",
                              "b/3.JPEG", "c/.hidden/5.JPEG"}) {
        write_jpeg(root / "val" / image);
    }
    const auto source = open_image_source(folder_config(root / "val"), Split::evaluation);
    CHECK(ids_of(*source) == std::vector<std::string>{"a/1.JPEG", "b/3.JPEG", "b/more/2.JPEG",
                                                      "b/more-x/4.JPEG", "b/more/most/0.JPEG"});
    CHECK(source->classes() == 3);
    CHECK(source->info(4).label == 1);

    // One folder too high is no data set of the class "val", unless it is called a class.
    CHECK_THROWS_WITH(open_image_source(folder_config(root), Split::evaluation),
                      ContainsSubstring("(val, …)") && ContainsSubstring("data.synsets"));
    write_text(root / "synsets.txt", "train\nval\n");
    const auto one =
        open_image_source(folder_config(root, root / "synsets.txt"), Split::evaluation);
    CHECK(one->size() == 5);

    fs::create_directory_symlink(root / "val" / "b", root / "val" / "b" / "more" / "loop");
    CHECK_THROWS_WITH(open_image_source(folder_config(root / "val"), Split::evaluation),
                      ContainsSubstring("more/loop") && ContainsSubstring("leads back"));
}

TEST_CASE("class folders called by numbers count as numbers") {
    const fs::path root = temporary_folder();
    const auto labels = [&](const std::vector<std::string>& folders, const fs::path& synsets = {}) {
        const fs::path set = temporary_folder();
        for (const std::string& folder : folders) write_jpeg(set / folder / "x.JPEG");
        const auto source = open_image_source(folder_config(set, synsets), Split::evaluation);
        std::map<std::string, int64_t> found{{"classes", source->classes()}};
        for (int64_t i = 0; i < source->size(); ++i) {
            found[fs::path(source->info(i).id).parent_path()] = source->info(i).label;
        }
        return found;
    };
    using Labels = std::map<std::string, int64_t>;
    CHECK(labels({"0", "1", "2", "10"}) ==
          Labels{{"classes", 11}, {"0", 0}, {"1", 1}, {"2", 2}, {"10", 10}});
    CHECK(labels({"1", "2", "3"}) == Labels{{"classes", 3}, {"1", 0}, {"2", 1}, {"3", 2}});
    CHECK(labels({"7", "more"}) == Labels{{"classes", 2}, {"7", 0}, {"more", 1}});
    write_text(root / "synsets.txt", "n01\nn02\nn03\n");
    CHECK(labels({"0", "2"}, root / "synsets.txt") == Labels{{"classes", 3}, {"0", 0}, {"2", 2}});
    CHECK_THROWS_WITH(labels({"0", "3"}, root / "synsets.txt"), ContainsSubstring("folder 3"));
    write_text(root / "numbers.txt", "10\n2\n");
    CHECK(labels({"10", "2"}, root / "numbers.txt") == Labels{{"classes", 2}, {"10", 0}, {"2", 1}});
}

TEST_CASE("a flat folder serves calibration without labels, never evaluation") {
    const fs::path root = temporary_folder();
    write_jpeg(root / "2.JPEG");
    write_jpeg(root / "1.JPEG");
    const auto source = open_image_source(folder_config(root), Split::calibration);
    CHECK(ids_of(*source) == std::vector<std::string>{"1.JPEG", "2.JPEG"});
    CHECK(source->classes() == 0);
    CHECK(source->info(0).label == -1);
    CHECK_THROWS_WITH(open_image_source(folder_config(root), Split::evaluation),
                      ContainsSubstring("data.evaluation") && ContainsSubstring("labels"));
}

TEST_CASE("folders that can't be a data set are refused with the key to change") {
    const fs::path root = temporary_folder();
    CHECK_THROWS_WITH(open_image_source(folder_config(root / "none"), Split::calibration),
                      ContainsSubstring("data.calibration") && ContainsSubstring("not exist"));
    CHECK_THROWS_WITH(open_image_source(folder_config(root), Split::evaluation),
                      ContainsSubstring("data.evaluation") && ContainsSubstring("neither"));
    fs::create_directories(root / "n01");
    CHECK_THROWS_WITH(open_image_source(folder_config(root), Split::evaluation),
                      ContainsSubstring("no images"));
    write_text(root / "file", "x");
    CHECK_THROWS_AS(open_image_source(folder_config(root / "file"), Split::evaluation), UsageError);
    CHECK_THROWS_AS(open_image_source(DataConfig{}, Split::evaluation), UsageError);
}

TEST_CASE("images that can't be read say why") {
    const fs::path root = temporary_folder();
    fs::create_directories(root / "n01" / "folder.JPEG");
    write_text(root / "n01" / "empty.JPEG", "");
    write_text(root / "n01" / "text.JPEG", "not an image at all, only words");
    fs::create_symlink("nowhere", root / "n01" / "link.JPEG");
    const auto source = open_image_source(folder_config(root), Split::evaluation);
    REQUIRE(source->size() == 4);
    CHECK_THROWS_WITH(source->load(0), ContainsSubstring("empty.JPEG: the image file is empty"));
    CHECK_THROWS_WITH(source->load(1), ContainsSubstring("folder.JPEG: is not a regular file"));
    CHECK_THROWS_WITH(source->load(2), ContainsSubstring("link.JPEG: can't be opened"));
    CHECK_THROWS_WITH(source->load(3), ContainsSubstring("text.JPEG: no image"));
}

TEST_CASE("the identity follows ids, order and content, not the place of the folder") {
    const fs::path root = temporary_folder();
    for (const char* copy : {"first", "second"}) {
        write_jpeg(root / copy / "n01" / "a.JPEG", 10);
        write_jpeg(root / copy / "n01" / "b.JPEG", 20);
    }
    const auto identity = [&](const char* copy, const std::vector<int64_t>& indices) {
        const auto source = open_image_source(folder_config(root / copy), Split::evaluation);
        return source_identity(*source, indices);
    };
    const std::string first = identity("first", {0, 1});
    CHECK(first == identity("second", {0, 1}));
    CHECK(first != identity("first", {1, 0}));
    CHECK(first != identity("first", {0}));
    // Of the same name and size, as an uncompressed image that is replaced always is.
    std::string replaced = jpeg_of_grey(20);
    replaced.back() ^= 1;
    write_text(root / "second" / "n01" / "b.JPEG", replaced);
    CHECK(first != identity("second", {0, 1}));
    fs::remove(root / "second" / "n01" / "b.JPEG");
    fs::create_symlink("nowhere", root / "second" / "n01" / "b.JPEG");
    CHECK(first != identity("second", {0, 1}));
}

TEST_CASE("the evaluation photos have one label a class of the synsets file") {
    COMQ_NEED_ASSETS(assets);
    const auto source = open_image_source(
        folder_config(assets / "imagenet" / "val", assets / "imagenet" / "synsets.txt"),
        Split::evaluation);
    CHECK(source->size() == 500);
    CHECK(source->classes() == 1000);
    for (int64_t i = 1; i < source->size(); ++i) {
        CHECK(source->info(i - 1).label <= source->info(i).label);
    }
    CHECK(source->load(0).height == 299);
}
