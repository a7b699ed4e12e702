#include "data/tar_index.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/progress.hpp"
#include "data/folder_source.hpp"
#include "storage/atomic_file.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

bool is_inner_archive(const TarMember& member) {
    return fs::path(member.name).extension() == ".tar";
}

/** Hidden files are companions some systems leave, as in list_folder. */
bool is_image(const TarMember& member) {
    const fs::path name(member.name);
    return has_image_extension(name) && !name.filename().string().starts_with('.');
}

/** Without a leading "./"; the index can't hold a line break. */
std::string checked_name(const RandomAccessFile& file, const TarMember& member) {
    if (member.name.find('\n') != std::string::npos) {
        throw InputError("{}: byte {}: a member's name holds a line break", file.path().string(),
                         member.offset);
    }
    return member.name.substr(member.name.starts_with("./") ? 2 : 0);
}

std::vector<TarMember> images_inside(const RandomAccessFile& file, const TarMember& archive) {
    std::vector<TarMember> images;
    for (TarMember& member :
         read_tar_members(file, archive.offset, archive.offset + archive.size)) {
        if (!is_image(member)) continue;
        member.name = fs::path(archive.name).stem().string() + "/" + checked_name(file, member);
        images.push_back(std::move(member));
    }
    return images;
}

/** Orders images as imagefolder does. */
std::pair<std::string_view, std::string_view> folder_and_name(std::string_view name) {
    const std::size_t slash = name.rfind('/');
    if (slash == std::string_view::npos) return {{}, name};
    return {name.substr(0, slash), name.substr(slash + 1)};
}

std::string first_line(const RandomAccessFile& file) {
    return fmt::format("comq tar index 1: {} bytes, modified {}\n", file.size(),
                       file.modification_time());
}

/** The line of each member: `<offset> <size> <name>`; the last line is the digest of the others. */
std::string write_index(const RandomAccessFile& file, const std::vector<TarMember>& members) {
    std::string text = first_line(file);
    for (const TarMember& member : members) {
        text += fmt::format("{} {} {}\n", member.offset, member.size, member.name);
    }
    return text + sha256_hex(text) + "\n";
}

std::optional<std::vector<TarMember>> parse_index(const RandomAccessFile& file,
                                                  std::string_view text) {
    constexpr std::size_t digest_line = 65;
    const std::string head = first_line(file);
    if (text.size() < head.size() + digest_line || !text.starts_with(head)) return std::nullopt;
    const std::string_view digest = text.substr(text.size() - digest_line, digest_line - 1);
    text.remove_suffix(digest_line);
    if (sha256_hex(text) != digest) return std::nullopt;
    text.remove_prefix(head.size());
    std::vector<TarMember> members;
    while (!text.empty()) {
        TarMember member;
        const char* end = text.data() + text.size();
        const char* after_offset = std::from_chars(text.data(), end, member.offset).ptr;
        const char* after_size = std::from_chars(after_offset + 1, end, member.size).ptr;
        const auto name = static_cast<std::size_t>(after_size + 1 - text.data());
        const std::size_t newline = text.find('\n', name);
        member.name = text.substr(name, newline - name);
        members.push_back(std::move(member));
        text.remove_prefix(newline + 1);
    }
    return members;
}

/** Where an index may lie, the best place first. */
std::vector<fs::path> index_files(const fs::path& archive) {
    std::vector<fs::path> files{archive.string() + ".comq-index"};
    const char* cache = std::getenv("XDG_CACHE_HOME");
    const char* home = std::getenv("HOME");
    const bool has_cache = cache != nullptr && *cache != '\0';
    if (!has_cache && home == nullptr) return files;
    const fs::path folder = has_cache ? fs::path(cache) : fs::path(home) / ".cache";
    files.push_back(folder / "comq" /
                    (sha256_hex(fs::absolute(archive).string()).substr(0, 16) + ".comq-index"));
    return files;
}

void remember(const fs::path& archive, const std::string& text) {
    for (const fs::path& file : index_files(archive)) {
        try {
            if (file.parent_path() != archive.parent_path()) {
                fs::create_directories(file.parent_path());
            }
            write_file_atomically(file, std::as_bytes(std::span(text)));
            return;
        } catch (const std::exception& error) {
            spdlog::debug("{}", error.what());
        }
    }
    spdlog::warn("{}: its index can't be stored, so the next run reads all headers again",
                 archive.string());
}

}  // namespace

std::vector<TarMember> index_tar(const RandomAccessFile& file) {
    std::vector<TarMember> members = read_tar_members(file, 0, file.size());
    const auto first_archive =
        std::stable_partition(members.begin(), members.end(),
                              [](const auto& member) { return !is_inner_archive(member); });
    const std::vector<TarMember> archives(first_archive, members.end());
    members.erase(first_archive, members.end());
    std::erase_if(members, [](const auto& member) { return !is_image(member); });
    for (TarMember& member : members) member.name = checked_name(file, member);

    if (!archives.empty()) {
        Progress progress("indexing " + file.path().filename().string(), "archives",
                          static_cast<int64_t>(archives.size()));
        std::vector<std::vector<TarMember>> inside(archives.size());
        tbb::parallel_for(std::size_t{0}, archives.size(), [&](std::size_t i) {
            inside[i] = images_inside(file, archives[i]);
            progress.advance();
        });
        for (auto& images : inside) {
            std::move(images.begin(), images.end(), std::back_inserter(members));
        }
    }
    std::sort(members.begin(), members.end(), [](const TarMember& a, const TarMember& b) {
        return folder_and_name(a.name) < folder_and_name(b.name);
    });
    return members;
}

std::vector<TarMember> cached_tar_index(const RandomAccessFile& file) {
    for (const fs::path& index : index_files(file.path())) {
        std::error_code absent;
        if (!fs::is_regular_file(index, absent)) continue;
        try {
            const std::vector<std::byte> bytes = read_file(index);
            const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            if (auto members = parse_index(file, text)) return std::move(*members);
            spdlog::info("{}: does not fit {} and is made anew", index.string(),
                         file.path().string());
        } catch (const InputError& error) {
            spdlog::info("{}; it is made anew", error.what());  // another user's, perhaps
        }
    }
    std::vector<TarMember> members = index_tar(file);
    remember(file.path(), write_index(file, members));
    return members;
}

}  // namespace comq
