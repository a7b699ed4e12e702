#include "config/shipped_file.hpp"

#include "core/paths.hpp"

namespace comq {

std::filesystem::path find_shipped(const std::filesystem::path& name) {
    if (std::filesystem::exists(name)) return name;
    const auto shipped = data_folder() / name;
    return std::filesystem::exists(shipped) ? shipped : name;
}

}  // namespace comq
