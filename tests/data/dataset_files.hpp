#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "image/rgb_image.hpp"

namespace comq::test {

void write_text(const std::filesystem::path& file, const std::string& text);

/** The bytes of a small JPEG of one colour of grey. */
std::string jpeg_of_grey(int grey);
/** Writes it, with the folders above. */
void write_jpeg(const std::filesystem::path& file, int grey = 128);

/** Records of a binary CIFAR file: label bytes and planes that count up from the record number. */
std::string cifar_records(const std::vector<int>& labels, int label_bytes = 1);

}  // namespace comq::test
