#include "config/composition.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "core/nearest_name.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_documents = 256;

std::optional<fs::path> with_extension(const fs::path& file) {
    std::error_code error;
    if (fs::is_regular_file(file, error)) return file;
    fs::path extended = file;
    extended += ".yaml";
    if (fs::is_regular_file(extended, error)) return extended;
    return std::nullopt;
}

/** Names of the YAML files in a folder, without their extension. */
std::vector<std::string> fragments_in(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == ".yaml") names.push_back(entry->path().stem().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

class Composer {
  public:
    Composer(std::vector<fs::path> folders, ConfigProblems& problems)
        : folders_(std::move(folders)), problems_(problems) {}

    void add_file(const fs::path& file) {
        auto root = read_yaml_file(file, problems_);
        if (!root) return;
        std::error_code error;
        const fs::path canonical = fs::weakly_canonical(file, error);
        open_.push_back(error ? file : canonical);
        add_document(std::move(*root), file);
        open_.pop_back();
    }

    void add_document(YamlNode document, const fs::path& file) {
        if (const YamlNode* defaults = document.find("defaults")) add_fragments(*defaults, file);
        std::erase_if(document.entries, [](const auto& entry) { return entry.key == "defaults"; });
        result_.documents.push_back(std::move(document));
        result_.files.push_back(file);
    }

    Composition take() { return std::move(result_); }

  private:
    void add_fragments(const YamlNode& names, const fs::path& file) {
        if (names.kind != YamlNode::Kind::list) {
            problems_.add(names.position, "defaults",
                          fmt::format("expected a list of fragments like [base/comq], not {}",
                                      names.describe()));
            return;
        }
        for (const auto& name : names.items) {
            if (name.kind != YamlNode::Kind::scalar || name.scalar.empty()) {
                problems_.add(
                    name.position, "defaults",
                    fmt::format("expected the name of a fragment, not {}", name.describe()));
            } else {
                add_fragment(name, file);
            }
        }
    }

    void add_fragment(const YamlNode& name, const fs::path& file) {
        std::vector<fs::path> places;
        if (!file.empty()) places.push_back(file.parent_path());
        places.insert(places.end(), folders_.begin(), folders_.end());
        for (const auto& place : places) {
            const auto found = with_extension(place / name.scalar);
            if (!found) continue;
            std::error_code error;
            const fs::path canonical = fs::weakly_canonical(*found, error);
            if (std::find(open_.begin(), open_.end(), canonical) != open_.end()) {
                problems_.add(name.position, "defaults",
                              fmt::format("fragment '{}' includes itself", excerpt(name.scalar)));
            } else if (result_.documents.size() + open_.size() > most_documents) {
                problems_.add(name.position, "defaults",
                              fmt::format("more than {} fragments", most_documents));
            } else {
                add_file(*found);
            }
            return;
        }
        report_missing(name, places);
    }

    void report_missing(const YamlNode& name, const std::vector<fs::path>& places) {
        std::vector<std::string> searched;
        std::string nearest;
        const fs::path wanted(name.scalar);
        for (const auto& place : places) {
            const std::string folder = place.empty() ? "." : place.string();
            if (std::find(searched.begin(), searched.end(), folder) != searched.end()) continue;
            searched.push_back(folder);
            if (!nearest.empty()) continue;
            const auto known = fragments_in(folder / wanted.parent_path());
            if (known.empty()) continue;
            nearest = fmt::format(
                " (nearest known: '{}')",
                (wanted.parent_path() / nearest_name(wanted.stem().string(), known)).string());
        }
        problems_.add(name.position, "defaults",
                      fmt::format("no fragment '{}' in {}{}", excerpt(name.scalar),
                                  fmt::join(searched, ", "), nearest));
    }

    std::vector<fs::path> folders_;
    ConfigProblems& problems_;
    std::vector<fs::path> open_;  ///< canonical files whose fragments are being read
    Composition result_;
};

}  // namespace

Composition compose(const fs::path& file, const std::vector<fs::path>& folders,
                    ConfigProblems& problems) {
    auto found = with_extension(file);
    for (const auto& folder : folders) {
        if (!found) found = with_extension(folder / file);
    }
    std::error_code error;
    if (!found && !fs::exists(file, error)) {
        const auto known = fragments_in(file.has_parent_path() ? file.parent_path() : ".");
        const fs::path nearest =
            file.parent_path() / (nearest_name(file.stem().string(), known) + ".yaml");
        problems.add(YamlPosition(excerpt(file.string())),
                     known.empty()
                         ? "no such file"
                         : fmt::format("no such file (nearest known: '{}')", nearest.string()));
        return {};
    }
    const fs::path read = found.value_or(file);
    std::vector<fs::path> places = {read.parent_path()};
    places.insert(places.end(), folders.begin(), folders.end());
    Composer composer(std::move(places), problems);
    composer.add_file(read);
    return composer.take();
}

Composition compose(const YamlNode& document, const std::vector<fs::path>& folders,
                    ConfigProblems& problems) {
    Composer composer(folders, problems);
    composer.add_document(document, {});
    return composer.take();
}

}  // namespace comq
