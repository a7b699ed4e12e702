#include "data/folder_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "data/file_reader.hpp"

namespace comq {

namespace fs = std::filesystem;

FolderSource::FolderSource(fs::path folder, std::vector<LabelledFile> files, int64_t classes)
    : folder_(std::move(folder)), files_(std::move(files)), classes_(classes) {}

ImageInfo FolderSource::info(int64_t index) const {
    const LabelledFile& image = file(index);
    std::error_code unreadable;  // load() reports it, with the reason
    const uintmax_t bytes = fs::file_size(path_of_image(index), unreadable);
    return {image.name, image.label, unreadable ? 0 : static_cast<uint64_t>(bytes)};
}

std::optional<FileVersion> FolderSource::version(int64_t index) const {
    return version_of(path_of_image(index));
}

std::vector<std::byte> FolderSource::encoded(int64_t index) const {
    return read_file(path_of_image(index));
}

bool has_image_extension(const fs::path& name) {
    static constexpr std::array<std::string_view, 9> known{
        ".jpeg", ".jpg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"};
    std::string extension = name.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return std::find(known.begin(), known.end(), extension) != known.end();
}

FolderListing list_folder(const fs::path& folder, std::string_view key) {
    require_folder(folder, fmt::format("{}: ", key));
    FolderListing listing;
    try {
        for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
            std::string name = entry.path().filename().string();
            if (name.front() == '.') continue;
            // An entry named like an image is one, so that what is wrong with it gets reported.
            if (has_image_extension(name)) {
                listing.images.push_back(std::move(name));
            } else if (entry.is_directory()) {
                listing.folders.push_back(std::move(name));
            }
        }
    } catch (const fs::filesystem_error& error) {
        throw InputError("{}: {} can't be listed: {}", key, folder.string(),
                         error.code().message());
    }
    std::sort(listing.folders.begin(), listing.folders.end());
    std::sort(listing.images.begin(), listing.images.end());
    return listing;
}

namespace {

/** A folder and, relative to it, where a search has come; `above`: the folders on the way. */
void add_images_below(const fs::path& folder, const std::string& below, std::vector<fs::path> above,
                      std::string_view key, std::vector<std::string>& images) {
    const fs::path here = folder / below;
    const FolderListing listing = list_folder(here, key);
    for (const std::string& image : listing.images) images.push_back(below + image);
    if (listing.folders.empty()) return;
    const fs::path real = fs::canonical(here);
    if (std::find(above.begin(), above.end(), real) != above.end()) {
        throw InputError("{}: {} leads back to {}; remove the link", key, here.string(),
                         real.string());
    }
    above.push_back(real);
    for (const std::string& name : listing.folders) {
        add_images_below(folder, below + name + "/", above, key, images);
    }
}

}  // namespace

std::vector<std::string> list_images_below(const fs::path& folder, std::string_view key) {
    std::vector<std::string> images;
    add_images_below(folder, "", {}, key, images);
    std::sort(images.begin(), images.end(), [](const std::string& a, const std::string& b) {
        return folder_and_name(a) < folder_and_name(b);
    });
    return images;
}

std::pair<std::string_view, std::string_view> folder_and_name(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return {{}, path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace comq
