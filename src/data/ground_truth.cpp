#include "data/ground_truth.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "data/devkit_order.hpp"
#include "data/synsets.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** A line: the image and what the file says about it, a number or a class name. */
struct Line {
    std::size_t number;
    std::string image;  ///< without folder and extension
    std::string label;
};

std::vector<std::string> words_of(const std::string& line) {
    std::vector<std::string> words;
    constexpr const char* separators = " \t,\r";
    for (std::size_t begin = line.find_first_not_of(separators); begin != std::string::npos;) {
        const std::size_t end = std::min(line.find_first_of(separators, begin), line.size());
        words.push_back(line.substr(begin, end - begin));
        begin = line.find_first_not_of(separators, end);
    }
    return words;
}

std::optional<int64_t> to_number(const std::string& word) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return value;
}

std::string key_of_image(const std::string& name) { return fs::path(name).stem().string(); }

struct Lines {
    std::vector<Line> lines;
    bool named = false;  ///< lines name their image
};

Lines read_lines(const fs::path& file) {
    require_file(file, "data.labels: ");
    std::ifstream stream(file);
    if (!stream) throw InputError("data.labels: {} can't be read", file.string());
    Lines result;
    std::size_t number = 0;
    for (std::string text; std::getline(stream, text);) {
        ++number;
        std::vector<std::string> words = words_of(text);
        if (words.empty() || words[0] == "ImageId") continue;
        const bool named = words.size() > 1;
        if (result.lines.empty()) result.named = named;
        if (named != result.named) {
            throw InputError("{}:{}: one word a line and several are mixed", file.string(), number);
        }
        if (named) {
            result.lines.push_back({number, key_of_image(words[0]), std::move(words[1])});
        } else {
            result.lines.push_back({number,
                                    fmt::format("ILSVRC2012_val_{:08}", result.lines.size() + 1),
                                    std::move(words[0])});
        }
    }
    if (result.lines.empty()) throw InputError("data.labels: {} is empty", file.string());
    return result;
}

Synsets synsets_of(const std::vector<Line>& lines, const fs::path& synsets) {
    if (!synsets.empty()) return Synsets::read(synsets);
    std::set<std::string> names;
    for (const Line& line : lines) names.insert(line.label);
    return Synsets({names.begin(), names.end()});
}

struct Labels {
    std::vector<int64_t> values;  ///< one a line
    int64_t classes = 0;
};

Labels labels_by_name(const std::vector<Line>& lines, const fs::path& file,
                      const fs::path& synsets_file) {
    const Synsets synsets = synsets_of(lines, synsets_file);
    Labels labels{{}, synsets.size()};
    for (const Line& line : lines) {
        labels.values.push_back(synsets.label_of(line.label));
        if (labels.values.back() < 0) {
            throw UsageError("{}:{}: '{}' is not a class of data.synsets ({})", file.string(),
                             line.number, line.label, synsets_file.string());
        }
    }
    return labels;
}

Labels labels_by_number(const Lines& file_lines, const fs::path& file,
                        const fs::path& synsets_file) {
    Labels labels;
    for (const Line& line : file_lines.lines) {
        const auto value = to_number(line.label);
        if (!value || *value < 0) {
            throw InputError("{}:{}: '{}' is no class index", file.string(), line.number,
                             line.label);
        }
        labels.values.push_back(*value);
    }
    const auto [low, high] = std::minmax_element(labels.values.begin(), labels.values.end());
    labels.classes = *high + 1;
    if (!file_lines.named && *low > 0) {
        // Only the development kit counts from 1 without naming its images.
        if (*high > devkit_classes) {
            throw InputError("{}: {} is no class of the development kit (1–{})", file.string(),
                             *high, devkit_classes);
        }
        for (int64_t& value : labels.values) value = label_of_devkit_id(value);
        labels.classes = devkit_classes;
    }
    if (!synsets_file.empty()) {
        const int64_t classes = Synsets::read(synsets_file).size();
        if (labels.classes > classes) {
            throw InputError(
                "{}: has the class index {}, but data.synsets names {} classes, counted from 0",
                file.string(), labels.classes - 1, classes);
        }
        labels.classes = classes;
    }
    return labels;
}

}  // namespace

GroundTruth GroundTruth::read(const fs::path& file, const fs::path& synsets) {
    const Lines lines = read_lines(file);
    const Labels labels = to_number(lines.lines.front().label)
                              ? labels_by_number(lines, file, synsets)
                              : labels_by_name(lines.lines, file, synsets);
    GroundTruth truth;
    truth.file_ = file;
    truth.classes_ = labels.classes;
    for (std::size_t i = 0; i < lines.lines.size(); ++i) {
        const Line& line = lines.lines[i];
        const auto [known, inserted] = truth.labels_.emplace(line.image, labels.values[i]);
        if (!inserted && known->second != labels.values[i]) {
            throw InputError("{}:{}: {} has another label in an earlier line", file.string(),
                             line.number, line.image);
        }
    }
    return truth;
}

int64_t GroundTruth::label_of(const std::string& image) const {
    const auto found = labels_.find(key_of_image(image));
    if (found == labels_.end()) {
        throw UsageError("data.labels: {} has no label for {}", file_.string(), image);
    }
    return found->second;
}

fs::path find_ground_truth(const DataConfig& config, const fs::path& images) {
    if (!config.labels.empty()) return config.labels;
    static constexpr std::array names{"ILSVRC2012_validation_ground_truth.txt", "val.txt",
                                      "LOC_val_solution.csv",
                                      "imagenet_2012_validation_synset_labels.txt"};
    const fs::path above = images.parent_path();
    for (const fs::path& folder : {images, above, above / "ILSVRC2012_devkit_t12" / "data",
                                   config.root, config.root / "ILSVRC2012_devkit_t12" / "data"}) {
        for (const char* name : names) {
            const fs::path file = folder / name;
            std::error_code absent;
            if (!fs::is_regular_file(file, absent)) continue;
            spdlog::info("data.labels: {} (found; set the key to use another)", file.string());
            return file;
        }
    }
    throw UsageError(
        "data.labels: no ground truth was found beside {}; name the development kit's "
        "ILSVRC2012_validation_ground_truth.txt, a val.txt or LOC_val_solution.csv",
        images.string());
}

}  // namespace comq
