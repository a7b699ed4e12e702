#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.hpp"
#include "storage/hdf5.hpp"

namespace comq {

static_assert(std::is_same_v<Hdf5Handle::Id, hid_t>);

/** Held around every call into HDF5; keeps it from printing its errors on the console. */
class Hdf5Guard {
  public:
    Hdf5Guard();
    /** For a process that a thread with a guard has forked: there are no others to wait for. */
    static void begin_alone();

  private:
    std::unique_lock<std::recursive_mutex> lock_;
};

/** The place where a call works, for messages: an object of an open file, and a name below it. */
struct Hdf5Place {
    hid_t object = -1;
    std::string name = {};
};

/** The innermost cause on HDF5's error stack. */
std::string hdf5_message();
/** "/layers/error"; empty for what has no name. */
std::string hdf5_path(hid_t object);
/** "FILE: OBJECT". */
std::string hdf5_name(const Hdf5Place& place);
/** "FILE: OBJECT: can't ACTION: HDF5's message". */
std::string hdf5_failure(const char* action, const Hdf5Place& place);

/** Throws InputError when the `status` of a call that reads is negative; else returns it. */
template <typename Status>
Status check_read(Status status, const char* action, const Hdf5Place& place) {
    if (status < 0) throw InputError("{}", hdf5_failure(action, place));
    return status;
}

/** Throws Failure when the `status` of a call that writes is negative; else returns it. */
template <typename Status>
Status check_write(Status status, const char* action, const Hdf5Place& place) {
    if (status < 0) throw Failure("{}", hdf5_failure(action, place));
    return status;
}

/** UTF-8 text of variable length: of fixed length it would be bytes to xarray (by h5netcdf). */
Hdf5Handle text_type();

/** Reads all elements of text type `type` of a dataset or attribute through `read`. */
template <typename Read>
std::vector<std::string> read_texts(hid_t type, hid_t space, Read read) {
    const auto count = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space));
    std::vector<std::string> texts(count);
    if (count == 0) return texts;
    if (H5Tis_variable_str(type) > 0) {
        const Hdf5Handle memory_type = text_type();
        std::vector<char*> pointers(count, nullptr);
        read(memory_type.get(), pointers.data());
        for (std::size_t i = 0; i < count; ++i) {
            if (pointers[i] != nullptr) texts[i] = pointers[i];
        }
        H5Dvlen_reclaim(memory_type.get(), space, H5P_DEFAULT, pointers.data());
        return texts;
    }
    const std::size_t width = H5Tget_size(type);
    std::vector<char> characters(count * width);
    read(type, characters.data());
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view padded(characters.data() + i * width, width);
        texts[i] = padded.substr(0, padded.find('\0'));
    }
    return texts;
}

}  // namespace comq
