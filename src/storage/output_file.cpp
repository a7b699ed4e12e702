#include "storage/output_file.hpp"

#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <string>
#include <system_error>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/input_file.hpp"
#include "storage/atomic_file.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** An attribute of the files that a program wrote its text to. */
constexpr const char* digest_attribute = "user.comq.sha256";

/** Whether a program wrote all that is in it. */
bool is_unchanged_output(const fs::path& file) {
    std::array<char, 64> digest{};
    return ::getxattr(file.c_str(), digest_attribute, digest.data(), digest.size()) ==
               std::ssize(digest) &&
           sha256_hex_of_file(file) == std::string_view(digest.data(), digest.size());
}

}  // namespace

fs::path output_target(const fs::path& file) {
    constexpr int most_links = 40;  // as the kernel follows
    std::error_code error;
    fs::path target = file;
    for (int links = 0; fs::is_symlink(target, error); ++links) {
        const fs::path next = fs::read_symlink(target, error);
        if (error || links == most_links) {
            throw UsageError("{}: is a link that leads nowhere (remove it)", file.string());
        }
        target = target.parent_path() / next;
    }
    const fs::file_status status = fs::status(target, error);
    if (!fs::exists(status) || fs::is_regular_file(status)) return target;
    throw UsageError("{}: is a {}, which is not replaced by a file (choose another name)",
                     file.string(), fs::is_directory(status) ? "folder" : "device or a pipe");
}

void keep_foreign_file(const fs::path& file, const std::function<bool(const fs::path&)>& is_ours) {
    const fs::path target = output_target(file);
    std::error_code error;
    const uintmax_t size = fs::file_size(target, error);
    if (error || size == 0) return;
    try {
        if (is_ours(target)) return;
    } catch (const Error&) {
        // What can't be read as ours is not.
    }
    throw UsageError(
        "{}: holds something else than would be written there, and is not replaced (remove it, or "
        "choose another name)",
        file.string());
}

void write_output_text(const fs::path& file, std::string_view text) {
    constexpr std::size_t telling = 32;
    keep_foreign_file(file, [&](const fs::path& there) {
        if (is_unchanged_output(there)) return true;
        const auto begin = text_if_readable(there, 0, std::min(telling, text.size()));
        return begin && text.starts_with(*begin);
    });
    const fs::path target = output_target(file);
    write_text_atomically(target, text);
    // Where a file system has no such attributes, the first words have to do.
    const std::string digest = sha256_hex(text);
    ::setxattr(target.c_str(), digest_attribute, digest.data(), digest.size(), 0);
}

}  // namespace comq
