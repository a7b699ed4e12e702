#include "page/document.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/errors.hpp"
#include "page/page_files.hpp"
#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

constexpr const char* hostile = "a</script><script>alert(1)</script><!--";

/** The part of a page between two texts. */
std::string part_of(const std::string& page, const std::string& begin, const std::string& end) {
    const auto first = page.find(begin);
    REQUIRE(first != std::string::npos);
    const auto from = first + begin.size();
    return page.substr(from, page.find(end, from) - from);
}

/** Stands for the chart library, whose files tests need not have. */
PageFolders folders_with(const fs::path& charts) {
    for (const char* name : {"d3.min.js", "plot.umd.min.js"}) {
        std::ofstream(charts / name) << "/* </script> */ var library = 1;\n";
    }
    for (const char* name : {"d3.LICENSE", "plot.LICENSE"}) {
        std::ofstream(charts / name) << "Copyright <somebody>\n";
    }
    return {test::source_dir() / "src" / "page" / "web", charts};
}

}  // namespace

TEST_CASE("a document has runs with figures, layers, flips and what tells them apart") {
    const fs::path folder = test::temporary_folder();
    RunRecord first = test::sample_run();
    first.config = "model:\n  name: demo_vit\ndata:\n  layout: demo\n";
    RunRecord second = first;
    second.provenance.hostname = "elsewhere";
    write_run_file(folder / "first.h5", first);
    write_run_file(folder / "second.h5", second);
    fs::create_directories(folder / "third.h5.parts");

    const FoundRuns runs = find_runs({folder.string(), (folder / "first.h5").string()});
    REQUIRE(runs.finished.size() == 2);
    REQUIRE(runs.unfinished.size() == 1);
    CHECK(runs.unfinished.front().name == "third");
    CHECK(runs.unfinished.front().state == "interrupted");

    DocumentOptions options;
    options.thumbnails = false;
    const auto document = document_of(runs, options);
    REQUIRE(document["runs"].size() == 2);
    const auto& run = document["runs"][0];
    CHECK(run["label"] == "first");
    CHECK(run["figures"]["top1"][0].get<double>() == Approx(first.quantized->top1).epsilon(1e-4));
    CHECK(run["layers"]["name"][0] == first.layers[0].name);
    CHECK(run["layers"]["relative_error"][0] == first.layers[0].relative_error);
    CHECK(run["layers"]["distributions"].size() == first.layers.size());
    CHECK(run["config"] == first.config);
    CHECK(run["provenance"]["command_line"] == first.provenance.command_line);
    CHECK(run["stages"]["name"].size() == first.stages.size());
    std::vector<std::string> differing;
    for (const auto& row : document["differences"]) differing.push_back(row["key"]);
    // Without the key a result is named after its config, here the file.
    CHECK(differing == std::vector<std::string>{"output.file", "hostname"});
    CHECK(document["unfinished"][0]["name"] == "third");
    CHECK(document["thumbnails"].empty());
}

TEST_CASE("a page holds the document whole, and nothing in it ends a script") {
    const fs::path folder = test::temporary_folder();
    // Its config is not whole, as that of a later version may be to this one.
    RunRecord run = test::sample_run();
    run.provenance.command_line = hostile;
    for (auto* network : {&*run.full_precision, &*run.quantized}) network->image[0] = hostile;
    write_run_file(folder / "run.h5", run);
    DocumentOptions options;
    options.thumbnails = false;
    options.title = hostile;
    const auto document = document_of(find_runs({(folder / "run.h5").string()}), options);
    const std::string page = page_text(document, folders_with(folder));

    const std::string text =
        part_of(page, "<script type=\"application/json\" id=\"document\">", "</script>");
    const auto read = nlohmann::ordered_json::parse(text);
    CHECK(read == document);
    CHECK(read["runs"][0]["provenance"]["command_line"] == hostile);
    CHECK_THAT(part_of(page, "<title>", "</title>"), ContainsSubstring("a&lt;/script&gt;"));
    CHECK(page.find("alert(1)</script>") == std::string::npos);
    CHECK_THAT(page, ContainsSubstring("/* <\\/script> */"));
    CHECK_THAT(page, ContainsSubstring("Copyright &lt;somebody&gt;"));
    // Everything is inside.
    CHECK(page.find("<script src=") == std::string::npos);
    CHECK(page.find("<link rel=\"stylesheet\"") == std::string::npos);
    CHECK(page.find("data-file=") == std::string::npos);
}

TEST_CASE("bytes that are no text do not break a page") {
    CHECK(json_for_script({{"name", "caf\xe9"}}) == "{\"name\":\"caf\xef\xbf\xbd\"}");
    CHECK(json_for_script("</script>") == "\"\\u003c/script>\"");
}

TEST_CASE("what has no finished run is refused by name") {
    const fs::path folder = test::temporary_folder();
    CHECK_THROWS_WITH(find_runs({folder.string()}), ContainsSubstring("no finished run"));
    CHECK_THROWS_WITH(find_runs({(folder / "none.h5").string()}), ContainsSubstring("none.h5"));
    std::ofstream(folder / "broken.h5") << "no HDF5";
    CHECK_THROWS_AS(find_runs({(folder / "broken.h5").string()}), InputError);
}
