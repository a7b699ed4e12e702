#include "core/require_path.hpp"

#include "core/errors.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

void require_kind(const fs::path& path, bool folder, const std::string& named_by) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) {
        throw UsageError("{}{}: No such file or directory", named_by, path.string());
    }
    if (error || fs::is_directory(status) == folder) return;
    throw UsageError("{}{}: is a {}, not a {}", named_by, path.string(), folder ? "file" : "folder",
                     folder ? "folder" : "file");
}

}  // namespace

void require_file(const fs::path& file, const std::string& named_by) {
    require_kind(file, false, named_by);
}

void require_folder(const fs::path& folder, const std::string& named_by) {
    require_kind(folder, true, named_by);
}

}  // namespace comq
