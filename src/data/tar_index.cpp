#include "data/tar_index.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "data/folder_source.hpp"
#include "data/remembered_text.hpp"

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

/** The index can't hold a line break. */
void check_name(const RandomAccessFile& file, const TarMember& member) {
    if (member.name.find('\n') == std::string::npos) return;
    throw InputError("{}: byte {}: a member's name holds a line break", file.path().string(),
                     member.offset);
}

std::vector<TarMember> images_inside(const RandomAccessFile& file, const TarMember& archive) {
    std::vector<TarMember> images;
    for (TarMember& member :
         read_tar_members(file, archive.offset, archive.offset + archive.size)) {
        if (!is_image(member)) continue;
        check_name(file, member);
        member.name = fs::path(archive.name).stem().string() + "/" + member.name;
        images.push_back(std::move(member));
    }
    return images;
}

std::string head_of(const RandomAccessFile& file) {
    return fmt::format("comq tar index 2: {}\n", file.version().text());
}

/** The line of each member: `<offset> <size> <name>`. */
std::string text_of(const std::vector<TarMember>& members) {
    std::string text;
    for (const TarMember& member : members) {
        text += fmt::format("{} {} {}\n", member.offset, member.size, member.name);
    }
    return text;
}

std::vector<TarMember> parse_index(std::string_view text) {
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

RememberedText index_of(const fs::path& archive) {
    std::vector<fs::path> files{archive.string() + ".comq-index"};
    if (const auto file = user_cache_file(archive, "comq-index")) files.push_back(*file);
    return RememberedText(std::move(files));
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
    for (const TarMember& member : members) check_name(file, member);

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
    const RememberedText index = index_of(file.path());
    if (const auto text = index.recall(head_of(file))) return parse_index(*text);
    std::vector<TarMember> members = index_tar(file);
    if (!index.remember(head_of(file), text_of(members))) {
        spdlog::warn("{}: its index can't be stored, so the next run reads all headers again",
                     file.path().string());
    }
    return members;
}

}  // namespace comq
