#pragma once

#include <filesystem>
#include <functional>

#include "storage/atomic_file.hpp"
#include "storage/hdf5_handle.hpp"
#include "support/catch.hpp"

namespace comq::test {

using EditHdf5 = std::function<void(Hdf5Group root)>;

/** Writes an HDF5 file of what `fill` puts into its root. */
inline void write_hdf5(const std::filesystem::path& file, const EditHdf5& fill) {
    Hdf5File hdf5 = Hdf5File::create_in_memory(file.string());
    fill(hdf5.root());
    write_file_atomically(file, hdf5.image());
}

/** Changes an HDF5 file in place, which the program never does. */
inline void edit_hdf5(const std::filesystem::path& file, const EditHdf5& edit) {
    const Hdf5Guard guard;
    const Hdf5Handle opened(H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    REQUIRE(opened.get() >= 0);
    edit(Hdf5Group({H5Gopen2(opened.get(), "/", H5P_DEFAULT), H5Gclose}));
}

}  // namespace comq::test
