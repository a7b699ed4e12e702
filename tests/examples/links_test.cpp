#include <cctype>
#include <fstream>
#include <regex>
#include <set>

#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** The page without its blocks of code, which hold no links and no headings. */
std::vector<std::string> prose_of(const fs::path& page) {
    std::ifstream stream(page);
    REQUIRE(stream);
    std::vector<std::string> lines;
    bool code = false;
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with("```")) code = !code;
        if (!code) lines.push_back(line);
    }
    return lines;
}

/** Names by which GitHub links to the headings of a page. */
std::set<std::string> anchors_of(const fs::path& page) {
    std::set<std::string> anchors;
    for (const std::string& line : prose_of(page)) {
        if (!line.starts_with("#")) continue;
        std::string anchor;
        for (const char letter : line.substr(line.find(' ') + 1)) {
            const auto code = static_cast<unsigned char>(letter);
            if (letter == ' ') anchor += '-';
            if (std::isalnum(code) || letter == '-' || letter == '_' || code >= 0x80) {
                anchor += static_cast<char>(std::tolower(code));
            }
        }
        anchors.insert(anchor);
    }
    return anchors;
}

/** Every page of the source tree, those of build folders apart. */
std::vector<fs::path> pages() {
    std::vector<fs::path> found;
    for (const std::string folder :
         {"", "configs", "datasets", "datasets/demo", "experiments", "results", "scripts", "src"}) {
        for (const auto& entry : fs::directory_iterator(test::source_dir() / folder)) {
            if (entry.path().extension() == ".md") found.push_back(entry.path());
        }
    }
    return found;
}

}  // namespace

TEST_CASE("links between the pages lead somewhere") {
    const std::regex link(R"(\]\(([^)#]*)(#([^)]*))?\))");
    int links = 0;
    for (const fs::path& page : pages()) {
        for (const std::string& line : prose_of(page)) {
            for (std::sregex_iterator match(line.begin(), line.end(), link), end; match != end;
                 ++match) {
                const std::string target = (*match)[1];
                if (target.find("://") != std::string::npos) continue;
                INFO(page.string() << " links to " << match->str());
                const fs::path file = target.empty() ? page : page.parent_path() / target;
                CHECK(fs::exists(file));
                const std::string anchor = (*match)[3];
                if (!anchor.empty() && fs::exists(file)) CHECK(anchors_of(file).count(anchor) == 1);
                ++links;
            }
        }
    }
    CHECK(links > 20);
}
