#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.hpp"
#include "storage/host_tensor.hpp"

namespace comq::fuzz {

using Bytes = std::span<const std::byte>;

inline std::string_view text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

enum class Lines {
    one,     ///< what every Error promises
    several  ///< a UsageError has one for each problem of a config
};

/** Throws what ends libFuzzer when a terminal would not show the message of an Error as it is. */
void check_message(const Error& error, Lines lines);

/** Calls `read`, which gives the thing or throws an Error with a proper message. */
template <typename Read>
void expect_only_errors(Read&& read, Lines lines = Lines::one) {
    try {
        std::forward<Read>(read)();
    } catch (const Error& error) {
        check_message(error, lines);
    }
}

/** Throws what ends libFuzzer: a reader has given something that can't be. */
inline void expect(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}

/** Reads each byte of the tensors, so that AddressSanitizer sees those that are not there. */
void touch(const TensorMap& tensors);

/** A file in memory for readers that want a path; its folder is removed with it. */
class MemoryFile {
  public:
    explicit MemoryFile(const std::string& name);
    ~MemoryFile();
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    const std::filesystem::path& path() const { return path_; }
    void write(Bytes content) const;
    void write(std::string_view content) const { write(std::as_bytes(std::span(content))); }

  private:
    std::filesystem::path path_;
};

/** A file and a command line: a line "===" ends the former, the lines behind it are arguments. */
struct FileAndArguments {
    std::string_view file;
    std::vector<std::string> arguments;
};
FileAndArguments file_and_arguments(std::string_view text);

struct ZipContent {
    std::string name;
    std::string_view bytes;
};

/** A zip archive of entries as they are, as torch.save and torch.export.save write it. */
std::vector<std::byte> stored_zip(const std::vector<ZipContent>& entries);

}  // namespace comq::fuzz
