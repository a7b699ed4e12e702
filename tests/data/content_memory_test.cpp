#include "data/content_memory.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

/** Three images of chosen contents and versions, and how often each was read. */
class CountedSource : public ImageSource {
  public:
    int64_t size() const override { return 3; }
    int64_t classes() const override { return 0; }
    ImageInfo info(int64_t index) const override { return {"an image " + std::to_string(index)}; }
    RgbImage load(int64_t /*index*/) const override { return {}; }
    uint64_t content(int64_t index) const override {
        const auto i = static_cast<std::size_t>(index);
        ++reads[i];
        if (contents[i] == 0) throw InputError("image {} is broken", index);
        return contents[i];
    }
    std::optional<FileVersion> version(int64_t index) const override {
        return versions[static_cast<std::size_t>(index)];
    }
    fs::path place() const override { return "/a/folder"; }

    std::array<uint64_t, 3> contents{11, 22, 33};
    std::array<FileVersion, 3> versions{};
    mutable std::array<int, 3> reads{};
};

/** A cache folder of the user's own for this process. */
class UserCache {
  public:
    UserCache() { ::setenv("XDG_CACHE_HOME", folder_.c_str(), 1); }
    ~UserCache() { ::unsetenv("XDG_CACHE_HOME"); }
    std::vector<fs::path> files() const {
        std::vector<fs::path> files;
        for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
            if (entry.is_regular_file()) files.push_back(entry.path());
        }
        return files;
    }

  private:
    fs::path folder_ = temporary_folder();
};

}  // namespace

TEST_CASE("contents are read once for every version of a file") {
    const UserCache cache;
    const std::vector<int64_t> all{0, 1, 2};
    CountedSource source;
    using Contents = std::vector<uint64_t>;
    CHECK(contents_of(source, all, 0) == Contents{11, 22, 33});
    CHECK(contents_of(source, all, 0) == Contents{11, 22, 33});
    CHECK(source.reads == std::array{1, 1, 1});

    source.contents = {1, 2, 3};
    source.versions[1].changed = 1;
    CHECK(contents_of(source, all, 0) == Contents{11, 2, 33});
    CHECK(source.reads == std::array{1, 2, 1});
    CHECK(contents_of(source, std::vector<int64_t>{2, 1}, 0) == Contents{33, 2});
    CHECK(source.reads == std::array{1, 2, 1});

    SECTION("an image that can't be read is tried again") {
        source.contents[0] = 0;
        source.versions[0].bytes = 5;
        CHECK(contents_of(source, all, 0)[0] == 0);
        source.contents[0] = 9;
        CHECK(contents_of(source, all, 0)[0] == 9);
    }
    SECTION("a damaged memory is none") {
        REQUIRE(cache.files().size() == 1);
        std::string text = text_of(cache.files()[0]);
        text[text.find("b ")] = 'c';
        write_text(cache.files()[0], text);
        CHECK(contents_of(source, all, 0) == Contents{1, 2, 3});
    }
}

TEST_CASE("a file that just changed is read again, and small sets are not kept") {
    const UserCache cache;
    const fs::path root = temporary_folder();
    write_jpeg(root / "n01" / "a.JPEG", 10);
    DataConfig config;
    config.evaluation = root;
    const auto source = open_image_source(config, Split::evaluation);
    const std::vector<int64_t> all{0};
    const uint64_t first = contents_of(*source, all, 0)[0];
    CHECK(first == source->content(0));
    const auto time = fs::last_write_time(root / "n01" / "a.JPEG");
    std::string other = jpeg_of_grey(10);
    other.back() ^= 1;
    {
        std::fstream stream(root / "n01" / "a.JPEG", std::ios::in | std::ios::out);
        stream << other;
    }
    fs::last_write_time(root / "n01" / "a.JPEG", time);
    CHECK(contents_of(*source, all, 0)[0] != first);

    const std::size_t files = cache.files().size();
    write_jpeg(root / "other" / "n01" / "a.JPEG", 10);
    config.evaluation = root / "other";
    CHECK(contents_of(*open_image_source(config, Split::evaluation), all)[0] == first);
    CHECK(cache.files().size() == files);
}
