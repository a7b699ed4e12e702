#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "core/errors.hpp"
#include "data/class_labels.hpp"
#include "data/folder_source.hpp"
#include "data/layouts.hpp"
#include "data/text_lines.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** Fields of a line: of a CSV with quotes, between tabs, or what stands before the last blank. */
std::vector<std::string> fields_of(const std::string& line, char separator) {
    if (separator == ' ') {
        const std::size_t end = line.find_last_not_of(' ') + 1;
        const std::size_t blank = line.find_last_of(' ', end - 1);
        if (blank == std::string::npos) return {line.substr(0, end)};
        const std::size_t name = line.find_last_not_of(' ', blank) + 1;
        return {line.substr(0, name), line.substr(blank + 1, end - blank - 1)};
    }
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '"' && separator == ',') {
            const bool doubled = quoted && i + 1 < line.size() && line[i + 1] == '"';
            if (doubled)
                fields.back() += line[i++];
            else
                quoted = !quoted;
        } else if (line[i] == separator && !quoted) {
            fields.emplace_back();
        } else {
            fields.back() += line[i];
        }
    }
    return fields;
}

char separator_of(const std::string& line) {
    if (line.find('\t') != std::string::npos) return '\t';
    return line.find(',') != std::string::npos ? ',' : ' ';
}

/** The columns of images and labels. */
struct ListColumns {
    std::size_t image = 0;
    std::optional<std::size_t> label;
    bool header = false;  ///< the first line names the columns
};

template <std::size_t n>
std::optional<std::size_t> column_called(const std::vector<std::string>& header,
                                         const std::array<std::string_view, n>& names) {
    for (const std::string_view name : names) {
        for (std::size_t i = 0; i < header.size(); ++i) {
            if (std::ranges::equal(header[i], name, {}, [](unsigned char c) {
                    return static_cast<char>(std::tolower(c));
                })) {
                return i;
            }
        }
    }
    return std::nullopt;
}

ListColumns columns_of(const std::vector<std::string>& first, const fs::path& file) {
    static constexpr std::array<std::string_view, 8> images{
        "path", "image", "file", "filename", "file_name", "image_path", "filepath", "imageid"};
    static constexpr std::array<std::string_view, 8> labels{
        "label", "class", "target", "wnid", "synset", "category", "label_id", "class_id"};
    if (const auto image = column_called(first, images)) {
        return {*image, column_called(first, labels), true};
    }
    if (first.size() > 2) {
        throw InputError(
            "{}: the first line has {} fields and names no columns; begin it with a line such as "
            "'path,label'",
            file.string(), first.size());
    }
    return {0, first.size() == 2 ? std::optional<std::size_t>(1) : std::nullopt, false};
}

/** Paths start at data.root or, where the first of them is not there, at the folder of the list. */
fs::path base_of(const DataConfig& config, const fs::path& list, const std::string& first) {
    const fs::path beside = list.parent_path();
    for (const fs::path& folder : {config.root.empty() ? beside : config.root, beside}) {
        std::error_code absent;
        if (fs::exists(folder / first, absent)) return folder;
    }
    throw UsageError("{}: {} is neither in data.root ({}) nor beside the list; set data.root",
                     list.string(), first, config.root.string());
}

/**
 * A list of images: `path,label` as CSV, `path<tab>label`, or `path label`; a header names columns
 * of a CSV. Labels are class indices from 0, or names: lines of `data.synsets`, else sorted. For
 * calibration the paths will do. The order is that of the list.
 */
std::unique_ptr<ImageSource> open_list(const DataConfig& config, Split split) {
    const fs::path file = path_of(config, split);
    const std::vector<std::string> lines = read_lines(file, key_of(split));
    std::optional<ListColumns> columns;
    std::vector<LabelledFile> files;
    std::vector<LabelWord> labels;
    char separator = ' ';
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].find_first_not_of(" \t") == std::string::npos) continue;
        if (!columns) separator = separator_of(lines[i]);
        const std::vector<std::string> fields = fields_of(lines[i], separator);
        if (!columns) {
            columns = columns_of(fields, file);
            if (columns->header) continue;
        }
        if (fields.size() <= std::max(columns->image, columns->label.value_or(0))) {
            throw InputError("{}:{}: has {} fields, too few", file.string(), i + 1, fields.size());
        }
        files.push_back({fields[columns->image], -1});
        if (columns->label) labels.push_back({i + 1, fields[*columns->label]});
    }
    if (files.empty()) throw InputError("{}: {} lists no images", key_of(split), file.string());
    if (labels.empty() && split == Split::evaluation) {
        throw UsageError("{}: {} lists images without labels; give 'path,label' in each line",
                         key_of(split), file.string());
    }
    const ClassLabels classes =
        labels.empty() ? ClassLabels{} : class_labels(labels, file, config.synsets);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        files[i].label = static_cast<int32_t>(classes.values[i]);
    }
    const fs::path base = base_of(config, file, files.front().name);
    return std::make_unique<FolderSource>(base, std::move(files), classes.classes);
}

}  // namespace

const DataLayout list_layout{
    "list", {"calibration", "evaluation", "synsets", "classes"}, open_list};

}  // namespace comq
