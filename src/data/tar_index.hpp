#pragma once

#include <vector>

#include "data/tar_reader.hpp"

namespace comq {

/**
 * All images of an archive; the members of an archive inside it (ILSVRC2012_img_train.tar holds
 * one for each class) are named `<inner archive without .tar>/<member>`. Sorted by name.
 */
std::vector<TarMember> index_tar(const RandomAccessFile& file);

/**
 * index_tar, remembered beside the archive (`<archive>.comq-index`) or, where that folder can't be
 * written, in the user's cache folder: the training archive takes minutes. An index of an archive
 * of another FileVersion, or a damaged one, is made anew.
 */
std::vector<TarMember> cached_tar_index(const RandomAccessFile& file);

}  // namespace comq
