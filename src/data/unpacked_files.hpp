#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tar_reader.hpp"

namespace comq {

/** The path that unpacking a member of this name gives: relative, without "." and "..". */
std::string unpacked_name(std::string_view name);

/** A symbolic link that leads to no file; `target` is empty when it is absolute. */
struct DanglingLink {
    std::string name;
    std::string target;
};

/** What the members of an archive, added in their order, unpack to. */
class UnpackedFiles {
  public:
    /** Replaces what had the name before. */
    void add_file(TarMember member);
    void add_symbolic_link(const std::string& name, std::string_view target);
    /** nullptr: there is no such file so far. */
    const TarMember* find(const std::string& name) const;

    /** The files, then the links that lead to one under their own name; called once. */
    std::vector<TarMember> take_files(std::vector<DanglingLink>& dangling);

  private:
    void remove_file(const std::string& name);
    const TarMember* follow(std::string target) const;

    std::vector<TarMember> files_;  ///< an empty name: replaced by a link
    std::unordered_map<std::string, std::size_t> position_;
    std::map<std::string, std::string> links_;  ///< name and target
};

}  // namespace comq
