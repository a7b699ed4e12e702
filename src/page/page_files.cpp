#include "page/page_files.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "core/errors.hpp"
#include "core/input_file.hpp"
#include "core/paths.hpp"
#include "core/text.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr const char* template_name = "page.html";
constexpr const char* chart_script = "plot.umd.min.js";

/** <prefix>/share/comq/NAME of an installed program; empty where the program is not installed. */
fs::path installed_folder(const char* name, const char* file) {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    const fs::path folder = program.parent_path().parent_path() / COMQ_INSTALLED_DATA / name;
    return !error && fs::is_regular_file(folder / file, error) ? folder : fs::path();
}

std::string read_page_file(const fs::path& file) {
    const auto text = text_if_readable(file);
    if (!text || text->empty()) {
        throw Failure("{}: can't be read; scripts/setup.sh installs it again", file.string());
    }
    return *text;
}

std::string escaped(std::string_view text) {
    return replace_each(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

/** Code that a script element can hold. */
std::string script_code(const std::string& code) {
    return replace_each(code, {{"</script", "<\\/script"}, {"<!--", "<\\!--"}});
}

/** What stands between `begin` and `end` in a line; empty where they are not there. */
std::string between(const std::string& line, std::string_view begin, std::string_view end) {
    const auto first = line.find(begin);
    if (first == std::string::npos) return "";
    const auto from = first + begin.size();
    const auto last = line.find(end, from);
    return last == std::string::npos ? "" : line.substr(from, last - from);
}

class PageWriter {
  public:
    PageWriter(const nlohmann::ordered_json& document, const PageFolders& folders)
        : document_(document), folders_(folders) {}

    /** A line of the template, or what it stands for. */
    std::string line(const std::string& line) const {
        if (const auto file = between(line, "<script src=\"", "\"></script>"); !file.empty()) {
            return "<script>\n" + script_code(read(file)) + "\n</script>";
        }
        if (const auto file = between(line, "<link rel=\"stylesheet\" href=\"", "\">");
            !file.empty()) {
            return "<style>\n" + read(file) + "</style>";
        }
        if (const auto file = between(line, "<pre data-file=\"", "\"></pre>"); !file.empty()) {
            return "<pre>" + escaped(read(file)) + "</pre>";
        }
        if (line == "<title></title>") {
            return "<title>" + escaped(document_.at("title").get<std::string>()) + "</title>";
        }
        if (line == "<script type=\"application/json\" id=\"document\"></script>") {
            return "<script type=\"application/json\" id=\"document\">" +
                   json_for_script(document_) + "</script>";
        }
        return line;
    }

  private:
    std::string read(const std::string& name) const {
        const fs::path own = folders_.page / name;
        std::error_code unknown;
        return read_page_file(fs::exists(own, unknown) ? own : folders_.charts / name);
    }

    const nlohmann::ordered_json& document_;
    const PageFolders& folders_;
};

}  // namespace

PageFolders page_folders() {
    PageFolders folders{installed_folder("page", template_name),
                        installed_folder("charts", chart_script)};
    std::error_code unknown;
    if (folders.page.empty()) folders.page = source_folder() / "src" / "page" / "web";
    if (folders.charts.empty()) folders.charts = COMQ_CHARTS_DIR;
    if (!fs::is_regular_file(folders.page / template_name, unknown)) {
        throw UsageError("{}: is not there; install comq again with scripts/setup.sh",
                         (folders.page / template_name).string());
    }
    if (!fs::is_regular_file(folders.charts / chart_script, unknown)) {
        throw UsageError(
            "the library that draws the charts of a page is not there; scripts/setup.sh fetches it "
            "(its log: build/charts.log)");
    }
    return folders;
}

std::string json_for_script(const nlohmann::ordered_json& json) {
    const std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return replace_each(text, {{"<", "\\u003c"}});
}

std::string page_text(const nlohmann::ordered_json& document, const PageFolders& folders) {
    std::istringstream lines(read_page_file(folders.page / template_name));
    const PageWriter writer(document, folders);
    std::string page;
    for (std::string line; std::getline(lines, line);) page += writer.line(line) + "\n";
    return page;
}

}  // namespace comq
