#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace comq {

/** The value of data.synsets that stands for imagenet_synsets(). */
inline constexpr const char* builtin_synsets = "imagenet";

/** The classes of a data set by name (for ImageNet WordNet ids such as n01440764). */
class Synsets {
  public:
    explicit Synsets(std::vector<std::string> names);
    /**
     * Reads a text file: a class a line, its first word counts, the line number from 0 is the
     * label. `imagenet` (builtin_synsets) is no file but the 1,000 classes of ILSVRC-2012. Throws
     * InputError naming file and line when a name is missing or there twice, UsageError when there
     * is no such file; warns when the names are not sorted, because published networks count the
     * sorted ones.
     */
    static Synsets read(const std::filesystem::path& file);

    int64_t size() const { return static_cast<int64_t>(names_.size()); }
    const std::string& name(int64_t label) const { return names_[static_cast<std::size_t>(label)]; }
    /** −1: no such class. */
    int64_t label_of(const std::string& name) const;

  private:
    std::vector<std::string> names_;
    std::unordered_map<std::string, int64_t> labels_;
};

}  // namespace comq
