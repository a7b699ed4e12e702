#include <filesystem>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "data/image_source.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

/** A folder of three images and a list of them. */
class ListedImages {
  public:
    ListedImages() {
        for (const char* image : {"a/1.JPEG", "a/two words.JPEG", "b/1.JPEG"}) {
            write_jpeg(root / "images" / image);
        }
        config.layout = "list";
        config.root = root / "images";
    }
    std::unique_ptr<ImageSource> open(const std::string& text, Split split = Split::evaluation) {
        write_text(root / "list.csv", text);
        config.evaluation = config.calibration = root / "list.csv";
        return open_image_source(config, split);
    }

    fs::path root = temporary_folder();
    DataConfig config;
};

std::vector<std::pair<std::string, int64_t>> labelled(const ImageSource& source) {
    std::vector<std::pair<std::string, int64_t>> images;
    for (int64_t i = 0; i < source.size(); ++i) {
        images.emplace_back(source.info(i).id, source.info(i).label);
    }
    return images;
}

}  // namespace

TEST_CASE("every form of a list gives its images and labels in its order") {
    ListedImages listed;
    const std::vector<std::pair<std::string, int64_t>> expected{
        {"b/1.JPEG", 4}, {"a/two words.JPEG", 2}, {"a/1.JPEG", 0}};
    for (const std::string text :
         {"b/1.JPEG,4\na/two words.JPEG,2\na/1.JPEG,0\n",
          "path,label\nb/1.JPEG,4\n\"a/two words.JPEG\",2\na/1.JPEG,0\n\n",
          "Label,id,File\n4,x,b/1.JPEG\n2,\"y,z\",a/two words.JPEG\n0,,a/1.JPEG\n",
          "\xEF\xBB\xBF"
          "b/1.JPEG\t4\r\na/two words.JPEG\t2\r\na/1.JPEG\t0\r\n",
          "b/1.JPEG 4\na/two words.JPEG  2\na/1.JPEG 0"}) {
        CAPTURE(text);
        const auto source = listed.open(text);
        CHECK(labelled(*source) == expected);
        CHECK(source->classes() == 5);
        CHECK(source->load(1).width == 16);
    }
}

TEST_CASE("labels of a list may be names, and calibration needs none") {
    ListedImages listed;
    const auto sorted = listed.open("b/1.JPEG,dog\na/1.JPEG,cat\n");
    CHECK(labelled(*sorted) ==
          std::vector<std::pair<std::string, int64_t>>{{"b/1.JPEG", 1}, {"a/1.JPEG", 0}});
    write_text(listed.root / "synsets.txt", "bird\ncat\ndog\n");
    listed.config.synsets = listed.root / "synsets.txt";
    const auto named = listed.open("b/1.JPEG,dog\na/1.JPEG,cat\n");
    CHECK(named->info(0).label == 2);
    CHECK(named->classes() == 3);
    const auto unlabelled = listed.open("b/1.JPEG\na/1.JPEG\n", Split::calibration);
    CHECK(unlabelled->size() == 2);
    CHECK(unlabelled->info(0).label == -1);
    // Paths may also start beside the list.
    listed.config.root = listed.root / "elsewhere";
    CHECK(listed.open("images/a/1.JPEG,cat\n")->load(0).width == 16);
}

TEST_CASE("malformed lists are refused with file, line and what to do") {
    ListedImages listed;
    const auto refused = [&](const std::string& text, const std::string& reason) {
        CAPTURE(text);
        CHECK_THROWS_WITH(listed.open(text),
                          ContainsSubstring("list.csv") && ContainsSubstring(reason));
    };
    refused("", "lists no images");
    refused("path,label\n", "lists no images");
    refused("a/1.JPEG\nb/1.JPEG\n", "give 'path,label'");
    refused("a/1.JPEG,1\nb/1.JPEG\n", "list.csv:2: has 1 fields");
    refused("a/1.JPEG,1\nb/1.JPEG,x\n", "list.csv:2: 'x' is no class index");
    refused("a/1.JPEG,1,2\n", "begin it with a line such as 'path,label'");
    refused("none.JPEG,1\n", "none.JPEG is neither in data.root");
    listed.config.synsets = "imagenet";
    refused("a/1.JPEG,cat\n", "'cat' is not a class of data.synsets");
    refused("a/1.JPEG,1000\n", "names 1000 classes");
    // An image that is missing further down is unreadable like any other.
    CHECK_THROWS_AS(listed.open("a/1.JPEG,1\nnone.JPEG,1\n")->load(1), InputError);
}
