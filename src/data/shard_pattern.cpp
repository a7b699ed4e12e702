#include "data/shard_pattern.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <string>

#include "core/errors.hpp"
#include "data/text_lines.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** `000..063` as 000, 001, … 063; else what stands between commas. */
std::vector<std::string> alternatives(const std::string& braces, std::string_view key) {
    constexpr int64_t most_shards = 1'000'000;
    const std::size_t points = braces.find("..");
    if (points != std::string::npos) {
        const std::string low = braces.substr(0, points);
        const auto first = to_number(low);
        const auto last = to_number(braces.substr(points + 2));
        if (!first || !last || *first < 0 || *last < *first || *last - *first > most_shards) {
            throw UsageError("{}: '{{{}}}' is no range of shards such as {{000..063}}", key,
                             braces);
        }
        std::vector<std::string> numbers;
        for (int64_t i = *first; i <= *last; ++i) {
            numbers.push_back(fmt::format("{:0{}}", i, low.size()));
        }
        return numbers;
    }
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin <= braces.size();) {
        const std::size_t end = std::min(braces.find(',', begin), braces.size());
        words.push_back(braces.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

std::vector<std::string> expand_braces(const std::string& pattern, std::string_view key) {
    const std::size_t open = pattern.find('{');
    if (open == std::string::npos) return {pattern};
    const std::size_t close = pattern.find('}', open);
    if (close == std::string::npos) {
        throw UsageError("{}: '{}' opens a brace that it does not close", key, pattern);
    }
    std::vector<std::string> expanded;
    for (const auto& word : alternatives(pattern.substr(open + 1, close - open - 1), key)) {
        for (const auto& rest : expand_braces(pattern.substr(close + 1), key)) {
            expanded.push_back(pattern.substr(0, open) + word + rest);
        }
    }
    return expanded;
}

bool has_wildcard(const std::string& path) {
    return path.find_first_of("*?[") != std::string::npos;
}

/** Files of the folder whose names fit; the folder has no wildcards. */
std::vector<fs::path> matching(const fs::path& folder, const std::string& names,
                               std::string_view key) {
    std::vector<fs::path> found;
    try {
        for (const auto& entry : fs::directory_iterator(folder)) {
            const std::string name = entry.path().filename().string();
            if (entry.is_regular_file() &&
                ::fnmatch(names.c_str(), name.c_str(), FNM_PERIOD) == 0) {
                found.push_back(entry.path());
            }
        }
    } catch (const fs::filesystem_error& error) {
        throw UsageError("{}: {}: {}", key, folder.string(), error.code().message());
    }
    std::ranges::sort(found);
    return found;
}

}  // namespace

bool is_shard_pattern(const fs::path& path) {
    std::error_code absent;
    return path.string().find_first_of("{*?[") != std::string::npos && !fs::exists(path, absent);
}

std::vector<fs::path> expand_shards(const fs::path& path, std::string_view extension,
                                    std::string_view key) {
    if (path.empty()) throw UsageError("{} names no path; set it or data.root", key);
    std::vector<fs::path> files;
    if (fs::is_directory(path)) {
        files = matching(path, fmt::format("*{}", extension), key);
        if (!files.empty()) return files;
        throw UsageError("{}: {} holds no shards (*{})", key, path.string(), extension);
    }
    for (const std::string& name :
         is_shard_pattern(path) ? expand_braces(path.string(), key) : std::vector{path.string()}) {
        const fs::path file(name);
        std::error_code absent;
        if (has_wildcard(name) && !fs::exists(file, absent)) {
            const auto some = matching(file.parent_path(), file.filename().string(), key);
            if (some.empty()) throw UsageError("{}: no file is called {}", key, name);
            files.insert(files.end(), some.begin(), some.end());
        } else if (fs::is_regular_file(file, absent)) {
            files.push_back(file);
        } else {
            throw UsageError("{}: the shard {} is not there", key, name);
        }
    }
    return files;
}

}  // namespace comq
