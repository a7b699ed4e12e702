#include "storage/hdf5_handle.hpp"

#include <fmt/format.h>

namespace comq {
namespace {

std::recursive_mutex& hdf5_mutex() {
    static std::recursive_mutex mutex;
    return mutex;
}

bool alone = false;

herr_t keep_innermost(unsigned depth, const H5E_error2_t* error, void* message) {
    if (depth == 0 && error->desc != nullptr) *static_cast<std::string*>(message) = error->desc;
    return 0;
}

template <ssize_t (*get_name)(hid_t, char*, size_t)>
std::string name_through(hid_t object) {
    const ssize_t length = get_name(object, nullptr, 0);
    if (length <= 0) return {};
    std::string name(static_cast<std::size_t>(length), '\0');
    get_name(object, name.data(), name.size() + 1);
    return name;
}

}  // namespace

void Hdf5Guard::begin_alone() { alone = true; }

Hdf5Guard::Hdf5Guard() : lock_(hdf5_mutex(), std::defer_lock) {
    // The mutex is held by a thread of the process that forked this one.
    if (!alone) lock_.lock();
    // At exit HDF5 (1.10) would touch files again whose closing failed on a full disk, and crash;
    // what has to reach the disk is closed explicitly.
    static const herr_t no_exit_handler = H5dont_atexit();
    static_cast<void>(no_exit_handler);
    // Each thread has an error stack of its own in thread-safe builds, so this is no one-time job.
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5Eclear2(H5E_DEFAULT);
}

Hdf5Handle::~Hdf5Handle() {
    if (id_ < 0) return;
    const Hdf5Guard guard;
    // Invalid when its file was closed before, and with it everything in it.
    if (H5Iis_valid(id_) > 0) close_(id_);
}

std::string hdf5_message() {
    std::string message = "unknown cause";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &message);
    // What the system says stands among addresses, and the time with its line end.
    constexpr std::string_view mark = "error message = '";
    const auto begin = message.find(mark);
    if (begin == std::string::npos) return message;
    message.erase(0, begin + mark.size());
    return message.substr(0, message.find('\''));
}

std::string hdf5_path(hid_t object) { return name_through<H5Iget_name>(object); }

std::string hdf5_name(const Hdf5Place& place) {
    if (place.object < 0) return place.name;
    std::string path = hdf5_path(place.object);
    if (!place.name.empty()) {
        if (!path.ends_with('/')) path += '/';
        path += place.name;
    }
    return fmt::format("{}: {}", name_through<H5Fget_name>(place.object), path);
}

std::string hdf5_failure(const char* action, const Hdf5Place& place) {
    const std::string message = hdf5_message();
    return fmt::format("{}: can't {}: {}", hdf5_name(place), action, message);
}

Hdf5Handle text_type() {
    Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    return type;
}

}  // namespace comq
