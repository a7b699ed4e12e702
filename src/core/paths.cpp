#include "core/paths.hpp"

#include <cstdlib>
#include <system_error>

#include "core/errors.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

bool holds_data(const fs::path& folder) {
    std::error_code error;
    return fs::is_directory(folder / "configs", error) &&
           fs::is_directory(folder / "datasets", error);
}

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

fs::path source_folder() { return COMQ_SOURCE_DIR; }

void create_folder(const fs::path& folder, const std::string& remedy) {
    std::error_code error;
    if (!folder.empty()) fs::create_directories(folder, error);
    if (!error) return;
    throw Failure("{}: cannot be created: {}{}", folder.string(), error.message(),
                  remedy.empty() ? "" : " (" + remedy + ")");
}

fs::path data_folder() {
    if (const char* chosen = std::getenv("COMQ_DATA"); chosen != nullptr && *chosen != '\0') {
        if (!holds_data(chosen)) {
            throw UsageError("COMQ_DATA={}: no folders configs and datasets there", chosen);
        }
        return chosen;
    }
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    const fs::path installed = program.parent_path().parent_path() / COMQ_INSTALLED_DATA;
    if (!error && holds_data(installed)) return installed;
    if (holds_data(source_folder())) return source_folder();
    throw UsageError(
        "neither {} nor {} holds comq's configs and datasets; set COMQ_DATA to a checkout of comq",
        installed.string(), source_folder().string());
}

fs::path find_shipped(const fs::path& name) {
    std::error_code error;  // of a name that no file can have
    if (fs::exists(name, error)) return name;
    const auto shipped = data_folder() / name;
    return fs::exists(shipped, error) ? shipped : name;
}

std::filesystem::path short_path(const std::filesystem::path& path) {
    std::error_code unknown;
    const auto here = std::filesystem::current_path(unknown);
    if (unknown) return path;
    const auto relative = path.lexically_relative(here);
    return relative.empty() || *relative.begin() == ".." ? path : relative;
}

void require_file(const fs::path& file, const std::string& named_by) {
    require_kind(file, false, named_by);
}

void require_folder(const fs::path& folder, const std::string& named_by) {
    require_kind(folder, true, named_by);
}

}  // namespace comq
