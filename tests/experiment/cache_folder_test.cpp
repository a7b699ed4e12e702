#include "experiment/cache_folder.hpp"

#include <chrono>
#include <fstream>

#include "core/errors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("a cache without a folder is off") {
    const CacheFolder cache({}, 100);
    CHECK_FALSE(cache.enabled());
    CHECK(cache.file("predictions", "0123").empty());
}

TEST_CASE("the least recently used entries are removed first") {
    const auto folder = test::temporary_folder() / "cache";
    const CacheFolder cache(folder, 250);
    std::vector<fs::path> files;
    for (const char* key : {"a", "b", "c"}) {
        files.push_back(cache.file("predictions", key));
        std::ofstream(files.back()) << std::string(100, 'x');
        const auto age = std::chrono::minutes(10 - static_cast<int>(files.size()));
        fs::last_write_time(files.back(), fs::file_time_type::clock::now() - age);
    }
    cache.touch(files[0]);
    cache.evict(files[2]);
    CHECK(fs::exists(files[0]));
    CHECK_FALSE(fs::exists(files[1]));
    CHECK(fs::exists(files[2]));
}

TEST_CASE("the entry just written stays even when it alone exceeds the limit") {
    const auto folder = test::temporary_folder();
    const CacheFolder cache(folder, 10);
    const auto file = cache.file("predictions", "a");
    std::ofstream(file) << std::string(100, 'x');
    cache.evict(file);
    CHECK(fs::exists(file));
}

TEST_CASE("what a killed writer left is removed once it is old") {
    const auto folder = test::temporary_folder();
    const CacheFolder cache(folder, 1000);
    for (const char* name : {".old.tmp", ".new.tmp"}) std::ofstream(folder / name) << "x";
    fs::last_write_time(folder / ".old.tmp",
                        fs::file_time_type::clock::now() - std::chrono::hours(25));
    cache.evict({});
    CHECK_FALSE(fs::exists(folder / ".old.tmp"));
    CHECK(fs::exists(folder / ".new.tmp"));
}

TEST_CASE("a folder that can't be made names the key") {
    const auto file = test::temporary_folder() / "file";
    std::ofstream(file) << "not a folder";
    CHECK_THROWS_WITH(CacheFolder(file / "cache", 10).file("predictions", "a"),
                      ContainsSubstring("resources.cache"));
}
