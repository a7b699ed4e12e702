#include "data/folder_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "data/file_reader.hpp"
#include "image/decode.hpp"

namespace comq {

namespace fs = std::filesystem;

FolderSource::FolderSource(fs::path folder, std::vector<LabelledFile> files, int64_t classes)
    : folder_(std::move(folder)), files_(std::move(files)), classes_(classes) {}

ImageInfo FolderSource::info(int64_t index) const {
    const LabelledFile& image = file(index);
    std::error_code unreadable;  // load() reports it, with the reason
    const uintmax_t bytes = fs::file_size(folder_ / image.name, unreadable);
    return {image.name, image.label, unreadable ? 0 : static_cast<uint64_t>(bytes), 0};
}

RgbImage FolderSource::load(int64_t index) const {
    const fs::path path = folder_ / file(index).name;
    return decode_image(read_file(path), path.string());
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

}  // namespace comq
