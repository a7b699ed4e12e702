#include "data/unpacked_files.hpp"

#include <filesystem>
#include <iterator>
#include <utility>

namespace comq {

namespace fs = std::filesystem;

std::string unpacked_name(std::string_view name) {
    const fs::path path = fs::path(name).relative_path().lexically_normal();
    return path == "." ? std::string() : path.string();
}

void UnpackedFiles::add_file(TarMember member) {
    links_.erase(member.name);
    const auto [known, inserted] = position_.emplace(member.name, files_.size());
    if (inserted) {
        files_.push_back(std::move(member));
    } else {
        files_[known->second] = std::move(member);
    }
}

void UnpackedFiles::add_symbolic_link(const std::string& name, std::string_view target) {
    remove_file(name);
    const fs::path folder = fs::path(name).parent_path();
    const bool outside = fs::path(target).is_absolute();
    links_[name] = outside ? std::string() : unpacked_name((folder / target).string());
}

const TarMember* UnpackedFiles::find(const std::string& name) const {
    const auto found = position_.find(name);
    return found == position_.end() ? nullptr : &files_[found->second];
}

std::vector<TarMember> UnpackedFiles::take_files(std::vector<DanglingLink>& dangling) {
    std::vector<TarMember> linked;
    for (const auto& [name, target] : links_) {
        if (const TarMember* file = follow(target)) {
            linked.push_back({name, file->offset, file->size});
        } else {
            dangling.push_back({name, target});
        }
    }
    std::erase_if(files_, [](const TarMember& file) { return file.name.empty(); });
    std::move(linked.begin(), linked.end(), std::back_inserter(files_));
    return std::move(files_);
}

void UnpackedFiles::remove_file(const std::string& name) {
    const auto found = position_.find(name);
    if (found == position_.end()) return;
    files_[found->second].name.clear();
    position_.erase(found);
}

const TarMember* UnpackedFiles::follow(std::string target) const {
    constexpr int most_links = 40;  // as Linux
    for (int i = 0; i < most_links; ++i) {
        if (const TarMember* file = find(target)) return file;
        const auto next = links_.find(target);
        if (next == links_.end()) return nullptr;
        target = next->second;
    }
    return nullptr;
}

}  // namespace comq
