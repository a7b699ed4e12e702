#include "page/class_names.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "core/errors.hpp"
#include "core/input_file.hpp"
#include "core/paths.hpp"
#include "core/text.hpp"
#include "data/imagenet_synsets.hpp"
#include "data/synsets.hpp"

namespace comq {

namespace {

/** The first name of a class that has several: "great white shark, white shark". */
std::string name_in(const std::string& line) {
    const auto blank = line.find_first_of(" \t");
    std::string name = line;
    if (blank != std::string::npos && is_wordnet_id(line.substr(0, blank))) {
        name = line.substr(line.find_first_not_of(" \t", blank));
    }
    return name.substr(0, name.find(','));
}

}  // namespace

bool is_wordnet_id(const std::string& word) {
    return word.size() == 9 && word.front() == 'n' &&
           std::all_of(word.begin() + 1, word.end(),
                       [](unsigned char letter) { return std::isdigit(letter) != 0; });
}

std::vector<std::string> read_class_names(const std::filesystem::path& file) {
    require_file(file, "class names: ");
    std::istringstream stream(read_text(file));
    std::vector<std::string> names;
    for (std::string line; std::getline(stream, line);) {
        line.erase(line.find_last_not_of(" \t\r") + 1);
        if (!line.empty()) names.push_back(replace_invalid_utf8(name_in(line)));
    }
    if (names.empty()) throw InputError("{}: has no class names, a line each", file.string());
    return names;
}

std::vector<std::string> class_names_of(const DataConfig& data) {
    std::error_code unknown;
    if (data.synsets == builtin_synsets) return imagenet_synsets();
    if (!data.synsets.empty() && std::filesystem::is_regular_file(data.synsets, unknown)) {
        return read_class_names(data.synsets);
    }
    const auto of_cifar = data.evaluation.parent_path() / "batches.meta.txt";
    if (data.layout == "cifar10" && std::filesystem::is_regular_file(of_cifar, unknown)) {
        return read_class_names(of_cifar);
    }
    return {};
}

}  // namespace comq
