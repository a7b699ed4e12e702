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

}  // namespace

fs::path source_folder() { return COMQ_SOURCE_DIR; }

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

std::filesystem::path short_path(const std::filesystem::path& path) {
    std::error_code unknown;
    const auto here = std::filesystem::current_path(unknown);
    if (unknown) return path;
    const auto relative = path.lexically_relative(here);
    return relative.empty() || *relative.begin() == ".." ? path : relative;
}

}  // namespace comq
