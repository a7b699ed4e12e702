#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace comq {

/** Where page.html, and what it names, lies: of the installation, else of the source tree. */
struct PageFolders {
    std::filesystem::path page;    ///< our own scripts and styles
    std::filesystem::path charts;  ///< the chart library; may be empty: charts are left out
};

/** Throws UsageError naming the remedy where page.html or the chart library is missing. */
PageFolders page_folders();

/**
 * Text that a script element can hold: no "</script" ends it early, no "<!--" opens a comment.
 * `json` is UTF-8; bytes that are none are replaced.
 */
std::string json_for_script(const nlohmann::ordered_json& json);

/**
 * page.html with everything that it names put in its place: scripts, styles, licences, the title
 * and `document`. The page then needs no other file and no connection. Throws Failure naming a
 * file that can't be read.
 */
std::string page_text(const nlohmann::ordered_json& document, const PageFolders& folders);

}  // namespace comq
