#include <nlohmann/json.hpp>

#include "core/child_process.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

struct Programs {
    fs::path folder = test::temporary_folder();

    int run(const std::string& program, std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), std::string(COMQ_PROGRAMS) + "/" + program);
        return ChildProcess(arguments, folder / "log").wait();
    }
    std::string file(const std::string& name) const { return (folder / name).string(); }
    std::string log() const { return test::text_of(folder / "log"); }
};

nlohmann::json document_in(const std::string& page) {
    const std::string begin = "<script type=\"application/json\" id=\"document\">";
    const auto from = page.find(begin) + begin.size();
    return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

bool has_charts(const Programs& programs) {
    if (programs.run("make_report", {"missing.h5", "-o", programs.file("none.html")}) != 2)
        return false;
    if (programs.log().find("chart") == std::string::npos) return true;
    test::skip("charts", "the chart library of pages (scripts/setup.sh)");
    return false;
}

}  // namespace

TEST_CASE("a run becomes a page with its weights and thumbnails, which can be left out") {
    const Programs programs;
    if (!has_charts(programs)) return;
    const auto config = (test::source_dir() / "configs" / "demo_cnn_4bit.yaml").string();
    REQUIRE(programs.run(
                "run_experiment",
                {config, "calibration.images=32", "evaluation.images=200", "quantization.bits=2",
                 "resources.cache=null", "--quiet", "--output=" + programs.file("run.h5")}) == 0);
    INFO(programs.log());
    REQUIRE(programs.run("make_report",
                         {programs.file("run.h5"), "-o", programs.file("page.html")}) == 0);
    INFO(programs.log());
    CHECK_THAT(programs.log(), ContainsSubstring("1 run"));
    const auto document = document_in(test::text_of(programs.file("page.html")));
    const auto& run = document["runs"][0];
    for (const auto& layer : run["layers"]["distributions"]) CHECK(layer.contains("weights"));
    const auto& flips = run["sets"][0]["flips"];
    REQUIRE(flips["count"] > 0);
    for (const auto& key : flips["thumbnail"]) {
        CHECK(document["thumbnails"][key.get<std::string>()].get<std::string>().starts_with(
            "data:image/jpeg;base64,/9j/"));
    }

    REQUIRE(programs.run("make_report", {programs.file("run.h5"), "--no-images", "--no-weights",
                                         "-o", programs.file("bare.html")}) == 0);
    const auto bare = document_in(test::text_of(programs.file("bare.html")));
    CHECK(bare["thumbnails"].empty());
    CHECK_FALSE(bare["runs"][0]["layers"]["distributions"][0].contains("weights"));
}

TEST_CASE("a report that can't be made says why and leaves no file") {
    const Programs programs;
    if (!has_charts(programs)) return;
    CHECK(programs.run("make_report",
                       {programs.file("none.h5"), "-o", programs.file("page.html")}) == 2);
    CHECK_THAT(programs.log(), ContainsSubstring("none.h5"));
    CHECK_FALSE(fs::exists(programs.file("page.html")));
}
