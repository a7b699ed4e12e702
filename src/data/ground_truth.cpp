#include "data/ground_truth.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "data/class_labels.hpp"
#include "data/devkit_order.hpp"
#include "data/file_reader.hpp"
#include "data/text_lines.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

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

std::string key_of_image(const std::string& name) { return fs::path(name).stem().string(); }

std::string name_of_validation_image(std::size_t index) {
    return fmt::format("ILSVRC2012_val_{:08}", index + 1);
}

struct TruthLines {
    std::vector<std::string> images;  ///< without folder and extension
    std::vector<LabelWord> labels;    ///< one an image
    bool named = false;               ///< lines name their image
};

TruthLines read_truth(const fs::path& file, std::string_view key) {
    TruthLines lines;
    std::size_t number = 0;
    for (const std::string& text : read_lines(file, key)) {
        ++number;
        std::vector<std::string> words = words_of(text);
        if (words.empty() || words[0] == "ImageId") continue;
        const bool named = words.size() > 1;
        if (lines.images.empty()) lines.named = named;
        if (named != lines.named) {
            throw InputError("{}:{}: one word a line and several are mixed", file.string(), number);
        }
        lines.images.push_back(named ? key_of_image(words[0])
                                     : name_of_validation_image(lines.images.size()));
        lines.labels.push_back({number, std::move(words[named ? 1 : 0])});
    }
    if (lines.images.empty()) throw InputError("{}: {} is empty", key, file.string());
    return lines;
}

/**
 * The development kit alone counts from 1, without naming its images, in an order of its own.
 * Whether it did.
 */
bool count_as_networks_do(const fs::path& file, std::vector<LabelWord>& words) {
    std::vector<int64_t> ids;
    for (const LabelWord& label : words) ids.push_back(to_number(label.word).value_or(-1));
    const auto [low, high] = std::ranges::minmax(ids);
    if (low < 1) return false;
    if (high > devkit_classes) {
        throw InputError("{}: {} is no class of the development kit (1–{})", file.string(), high,
                         devkit_classes);
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
        words[i].word = std::to_string(label_of_devkit_id(ids[i]));
    }
    return true;
}

}  // namespace

GroundTruth GroundTruth::read(const fs::path& file, const fs::path& synsets, std::string_view key) {
    GroundTruth truth;
    truth.file_ = file;
    truth.key_ = key;
    if (file.extension() == ".json") {
        truth.read_several(synsets);
    } else {
        truth.read_single(synsets);
    }
    return truth;
}

void GroundTruth::read_single(const fs::path& synsets) {
    TruthLines lines = read_truth(file_, key_);
    const bool devkit = !lines.named && count_as_networks_do(file_, lines.labels);
    const ClassLabels labels = class_labels(lines.labels, file_, synsets);
    classes_ = devkit ? std::max(labels.classes, devkit_classes) : labels.classes;
    for (std::size_t i = 0; i < lines.images.size(); ++i) {
        const std::vector<int64_t> label{labels.values[i]};
        const auto [known, inserted] = labels_.emplace(lines.images[i], label);
        if (!inserted && known->second != label) {
            throw InputError("{}:{}: {} has another label in an earlier line", file_.string(),
                             lines.labels[i].line, lines.images[i]);
        }
    }
}

void GroundTruth::read_several(const fs::path& synsets) {
    require_file(file_, fmt::format("{}: ", key_));
    const std::vector<std::byte> bytes = read_file(file_);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const auto json = nlohmann::json::parse(text, text + bytes.size(), nullptr, false);
    const auto is_labels = [](const nlohmann::json& labels) {
        return labels.is_array() && std::ranges::all_of(labels, [](const nlohmann::json& label) {
                   return label.is_number_unsigned();
               });
    };
    if (!json.is_array() || json.empty() || !std::ranges::all_of(json, is_labels)) {
        throw InputError(
            "{}: {} is no list of lists of class indices, as ReaL's real.json is; of another form "
            "labels are text (datasets/README.md)",
            key_, file_.string());
    }
    for (std::size_t i = 0; i < json.size(); ++i) {
        auto labels = json[i].get<std::vector<int64_t>>();
        for (const int64_t label : labels) classes_ = std::max(classes_, label + 1);
        labels_.emplace(name_of_validation_image(i), std::move(labels));
    }
    classes_ = number_of_classes(classes_, file_, synsets);
}

const std::vector<int64_t>& GroundTruth::labels_of(const std::string& image) const {
    const auto found = labels_.find(key_of_image(image));
    if (found == labels_.end()) {
        throw UsageError("{}: {} has no label for {}", key_, file_.string(), image);
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
        "ILSVRC2012_validation_ground_truth.txt, a val.txt, LOC_val_solution.csv or real.json",
        images.string());
}

}  // namespace comq
