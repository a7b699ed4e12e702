#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace comq {

/**
 * A text that is costly to make, kept for later runs: its first line, `head`, says what it was made
 * from, its last line is the digest of the others.
 */
class RememberedText {
  public:
    /** Kept in the first of `files` that can be written. */
    explicit RememberedText(std::vector<std::filesystem::path> files) : files_(std::move(files)) {}

    /** What follows `head`, from the first file that is whole and begins with it. */
    std::optional<std::string> recall(std::string_view head) const;
    /** False when no file can be written. */
    bool remember(std::string_view head, std::string_view text) const;

  private:
    std::vector<std::filesystem::path> files_;
};

/**
 * The file of the user's cache folder ($XDG_CACHE_HOME or ~/.cache, then comq/) that keeps
 * something about `path`; none when the user has no such folder. `kind` is the file's extension.
 */
std::optional<std::filesystem::path> user_cache_file(const std::filesystem::path& path,
                                                     std::string_view kind);

}  // namespace comq
