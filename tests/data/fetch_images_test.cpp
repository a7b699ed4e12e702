// scripts/fetch_development_images.sh on sources that are files of this machine.
#include <cstdlib>
#include <fstream>

#include "core/child_process.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

const std::string resnet20 = "weights/cifar10_resnet20-12fca82f.th";

/** The script with a list of two networks, of which the second has a source that is not there. */
class Fetch {
  public:
    explicit Fetch(const fs::path& resnet20_source) {
        std::ofstream(folder_ / "sources")
            << "# name paths URL\n"
            << "resnet20 " << resnet20 << " file://" << resnet20_source.string() << "\n"
            << "resnet32 weights/cifar10_resnet32-d509ac18.th file://" << folder_.string()
            << "/nothing.th\n";
    }

    int run(std::vector<std::string> arguments) {
        const auto script = test::source_dir() / "scripts" / "fetch_development_images.sh";
        arguments.insert(arguments.begin(), {"/usr/bin/env", "bash", script.string(), "--sources",
                                             (folder_ / "sources").string()});
        arguments.push_back(images().string());
        return ChildProcess(arguments, folder_ / "log").wait();
    }

    std::string printed() const { return test::text_of(folder_ / "log"); }
    fs::path images() const { return folder_ / "images"; }

  private:
    fs::path folder_ = test::temporary_folder();
};

bool there_is_curl() {
    if (std::system("curl --version >/dev/null 2>&1") == 0) return true;
    test::skip("curl", "curl");
    return false;
}

}  // namespace

TEST_CASE("development images: each source that is gone or differs is named") {
    if (!there_is_curl()) return;
    const auto other = test::temporary_folder() / "other.th";
    std::ofstream(other) << "another file";
    Fetch fetch(other);
    CHECK(fetch.run({"--dry-run"}) == 0);
    CHECK_THAT(fetch.printed(), ContainsSubstring("to fetch: resnet20: file://" + other.string()));
    CHECK(!fs::exists(fetch.images()));
    CHECK(fetch.run({}) == 3);
    CHECK_THAT(fetch.printed(), ContainsSubstring("differs: " + resnet20 + " has SHA-256"));
    CHECK_THAT(fetch.printed(),
               ContainsSubstring("/nothing.th (weights/cifar10_resnet32-d509ac18.th)"));
    CHECK_THAT(fetch.printed(), ContainsSubstring("2 of the sources are missing or differ"));
    CHECK(fetch.run({"--only", "resnet21"}) == 2);
}

TEST_CASE("development images: a download is continued, and what is right is left alone") {
    if (!there_is_curl()) return;
    COMQ_NEED_ASSETS(assets);
    const auto source = fs::absolute(assets / resnet20);
    Fetch fetch(source);
    fs::create_directories(fetch.images() / "downloads");
    const std::string bytes = test::text_of(source);
    std::ofstream(fetch.images() / "downloads" / "resnet20.th.part", std::ios::binary)
        << bytes.substr(0, bytes.size() / 2);
    CHECK(fetch.run({"--only", "resnet20"}) == 0);
    CHECK_THAT(fetch.printed(), ContainsSubstring("export COMQ_ASSETS="));
    CHECK(test::text_of(fetch.images() / resnet20) == bytes);
    CHECK(fetch.run({"--only", "resnet20"}) == 0);
    CHECK_THAT(fetch.printed(), ContainsSubstring("there: resnet20 (" + resnet20 + ")"));
}
