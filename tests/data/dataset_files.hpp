#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/image_source.hpp"

namespace comq::test {

void write_text(const std::filesystem::path& file, const std::string& text);

/** The bytes of a small JPEG of one colour of grey. */
std::string jpeg_of_grey(int grey);
/** Writes it, with the folders above. */
void write_jpeg(const std::filesystem::path& file, int grey = 128);

/** Records of a binary CIFAR file: label bytes and planes that count up from the record number. */
std::string cifar_records(const std::vector<int>& labels, int label_bytes = 1);

/** A data set of that layout whose images of either split are at `path`. */
std::unique_ptr<ImageSource> open_layout(const std::string& layout,
                                         const std::filesystem::path& path,
                                         Split split = Split::evaluation,
                                         const std::filesystem::path& synsets = {});

}  // namespace comq::test
