#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "image/rgb_image.hpp"

namespace comq::test {

/** Images made by tests/image/make_images.py, with Pillow's results. */
std::filesystem::path images();

std::vector<std::byte> read_bytes(const std::filesystem::path& file);
RgbImage read_image(const std::filesystem::path& file);
/** SHA-256 of the RGB bytes, row by row. */
std::string digest(const RgbImage& image);

/** The words of every line of a text file. */
std::vector<std::vector<std::string>> read_table(const std::filesystem::path& file);

}  // namespace comq::test
