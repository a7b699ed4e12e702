#pragma once

#include "storage/host_tensor.hpp"
#include "storage/mapped_file.hpp"
#include "weights/zip_archive.hpp"

namespace comq {

/** Whether the archive is one of numpy.savez. */
bool is_npz(const ZipArchive& archive);

/**
 * The arrays of a .npz file under their names there, in row-major order whatever theirs was:
 * little-endian f2, f4, f8, i1, i2, i4, i8, u1 and b1. Throws InputError naming the array.
 */
TensorMap read_npz(ZipArchive& archive);

/** One .npy file (format versions 1 to 3). */
HostTensor parse_npy(const FileBytes& file);

}  // namespace comq
