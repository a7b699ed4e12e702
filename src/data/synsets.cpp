#include "data/synsets.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "core/errors.hpp"
#include "data/imagenet_synsets.hpp"
#include "data/text_lines.hpp"

namespace comq {

Synsets::Synsets(std::vector<std::string> names) : names_(std::move(names)) {
    for (const std::string& name : names_) {
        labels_.emplace(name, static_cast<int64_t>(labels_.size()));
    }
}

Synsets Synsets::read(const std::filesystem::path& file) {
    if (file == builtin_synsets) return Synsets(imagenet_synsets());
    const std::vector<std::string> lines = read_lines(file, "data.synsets");
    std::vector<std::string> names;
    std::unordered_map<std::string, std::size_t> line_of;
    for (const std::string& line : lines) {
        std::string name;
        std::istringstream(line) >> name;
        const std::size_t number = names.size() + 1;
        if (name.empty()) {
            if (number == lines.size()) break;
            throw InputError("{}:{}: a class name is missing", file.string(), number);
        }
        const auto [earlier, inserted] = line_of.emplace(name, number);
        if (!inserted) {
            throw InputError("{}:{}: the class {} stands in line {} already", file.string(), number,
                             name, earlier->second);
        }
        names.push_back(std::move(name));
    }
    if (names.empty()) throw InputError("data.synsets: {} names no classes", file.string());
    if (!std::is_sorted(names.begin(), names.end())) {
        spdlog::warn(
            "data.synsets: {} is not sorted; published ImageNet networks number the sorted names",
            file.string());
    }
    return Synsets(std::move(names));
}

int64_t Synsets::label_of(const std::string& name) const {
    const auto found = labels_.find(name);
    return found == labels_.end() ? -1 : found->second;
}

}  // namespace comq
