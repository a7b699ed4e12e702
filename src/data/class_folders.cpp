#include "data/class_folders.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/check.hpp"
#include "core/errors.hpp"
#include "data/synsets.hpp"

namespace comq {

namespace {

/** The folders' names as numbers; empty when one of them is none. */
std::vector<int64_t> numbers_of(const std::vector<std::string>& folders) {
    std::vector<int64_t> numbers;
    for (const std::string& folder : folders) {
        int64_t number = 0;
        const char* end = folder.data() + folder.size();
        const auto [after, error] = std::from_chars(folder.data(), end, number);
        if (error != std::errc{} || after != end || number < 0) return {};
        numbers.push_back(number);
    }
    return numbers;
}

bool in_folder_below(const std::string& image) { return image.find('/') != image.rfind('/'); }

}  // namespace

ClassFolders::ClassFolders(const DataConfig& config, Split split, const std::string& where,
                           const std::vector<std::string>& folders,
                           const std::vector<std::string>& images) {
    if (config.synsets.empty() && std::ranges::all_of(images, in_folder_below)) {
        throw UsageError(
            "{}: no folder of {} ({}, …) holds images itself, only folders that do; name the "
            "folder of the class folders, or the classes by data.synsets",
            key_of(split), where, folders.front());
    }
    const std::vector<int64_t> numbers = numbers_of(folders);
    if (config.synsets.empty() && !numbers.empty()) {
        number(folders, numbers);
        return;
    }

    std::vector<std::string> sorted = folders;
    std::ranges::sort(sorted);
    const Synsets synsets =
        config.synsets.empty() ? Synsets(std::move(sorted)) : Synsets::read(config.synsets);
    classes_ = synsets.size();
    for (std::size_t i = 0; i < folders.size(); ++i) {
        int64_t label = synsets.label_of(folders[i]);
        if (label < 0 && !numbers.empty() && numbers[i] < classes_) label = numbers[i];
        if (label < 0) {
            throw UsageError("{}: the folder {} of {} is not a class of data.synsets ({})",
                             key_of(split), folders[i], where, config.synsets.string());
        }
        labels_.emplace(folders[i], label);
    }
}

void ClassFolders::number(const std::vector<std::string>& folders,
                          const std::vector<int64_t>& numbers) {
    const auto [low, high] = std::ranges::minmax(numbers);
    const bool from_one = low == 1 && high == std::ssize(folders);
    for (std::size_t i = 0; i < folders.size(); ++i) {
        labels_.emplace(folders[i], numbers[i] - (from_one ? 1 : 0));
    }
    classes_ = from_one ? high : high + 1;
}

int64_t ClassFolders::label_of(const std::string& image) const {
    const auto found = labels_.find(std::string_view(image).substr(0, image.find('/')));
    COMQ_CHECK(found != labels_.end());
    return found->second;
}

}  // namespace comq
