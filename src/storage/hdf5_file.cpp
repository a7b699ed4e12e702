#include <unistd.h>

#include "core/errors.hpp"
#include "core/file_descriptor.hpp"
#include "storage/hdf5_handle.hpp"

namespace comq {
namespace {

Hdf5Handle access_properties() {
    Hdf5Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_fclose_degree(properties.get(), H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7)
    // Network file systems often have no locks; FileLock is what keeps two writers apart.
    H5Pset_file_locking(properties.get(), true, true);
#endif
    return properties;
}

void track_creation_order(hid_t properties) {
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    H5Pset_link_creation_order(properties, order);
    H5Pset_attr_creation_order(properties, order);
    H5Pset_obj_track_times(properties, false);
}

/** H5Fopen's own messages say little to somebody who mistyped a path or copied half a file. */
std::string open_problem(const std::filesystem::path& file) {
    const std::string message = hdf5_message();
    if (::access(file.c_str(), R_OK) != 0) return system_message();
    if (H5Fis_hdf5(file.c_str()) <= 0) return "not an HDF5 file, or a damaged one";
    return message;
}

herr_t add_name(hid_t, const char* name, const H5L_info_t*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

/** Names of nested links are looked up part by part: H5Lexists fails on a missing middle. */
bool path_exists(hid_t group, const std::string& path) {
    for (std::size_t end = 0; end != std::string::npos;) {
        end = path.find('/', end + 1);
        const std::string head = path.substr(0, end);
        if (check_read(H5Lexists(group, head.c_str(), H5P_DEFAULT), "look for the object",
                       {group, head}) == 0) {
            return false;
        }
    }
    return true;
}

}  // namespace

Hdf5File Hdf5File::create_in_memory(const std::string& name) {
    const Hdf5Guard guard;
    const Hdf5Handle access = access_properties();
    constexpr std::size_t growth = 1 << 20;
    check_write(H5Pset_fapl_core(access.get(), growth, false), "create the file", {-1, name});
    const Hdf5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    track_creation_order(creation.get());
    return {{check_write(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()),
                         "create the file", {-1, name}),
             H5Fclose},
            name};
}

Hdf5File Hdf5File::open_for_reading(const std::filesystem::path& file) {
    const Hdf5Guard guard;
    const Hdf5Handle access = access_properties();
    const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.get());
    if (id < 0) throw InputError("{}: can't be opened: {}", file.string(), open_problem(file));
    return {{id, H5Fclose}, file.string()};
}

Hdf5Group Hdf5File::root() const {
    const Hdf5Guard guard;
    return Hdf5Group(
        {check_read(H5Gopen2(handle_.get(), "/", H5P_DEFAULT), "open the root", {-1, name_}),
         H5Gclose});
}

std::vector<std::byte> Hdf5File::image() {
    const Hdf5Guard guard;
    const char* action = "read the file's bytes";
    const Hdf5Place place{-1, name_};
    check_write(H5Fflush(handle_.get(), H5F_SCOPE_GLOBAL), action, place);
    std::vector<std::byte> bytes(static_cast<std::size_t>(
        check_read(H5Fget_file_image(handle_.get(), nullptr, 0), action, place)));
    check_read(H5Fget_file_image(handle_.get(), bytes.data(), bytes.size()), action, place);
    return bytes;
}

Hdf5Group Hdf5Group::create_group(const std::string& name) {
    const Hdf5Guard guard;
    const Hdf5Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links.get(), 1);
    const Hdf5Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    track_creation_order(creation.get());
    return Hdf5Group(
        {check_write(H5Gcreate2(id(), name.c_str(), links.get(), creation.get(), H5P_DEFAULT),
                     "create the group", {id(), name}),
         H5Gclose});
}

Hdf5Group Hdf5Group::open_group(const std::string& name) const {
    const Hdf5Guard guard;
    return Hdf5Group(
        {check_read(H5Gopen2(id(), name.c_str(), H5P_DEFAULT), "open the group", {id(), name}),
         H5Gclose});
}

Hdf5Dataset Hdf5Group::open_dataset(const std::string& name) const {
    const Hdf5Guard guard;
    return Hdf5Dataset(
        {check_read(H5Dopen2(id(), name.c_str(), H5P_DEFAULT), "open the dataset", {id(), name}),
         H5Dclose});
}

bool Hdf5Group::contains(const std::string& name) const {
    const Hdf5Guard guard;
    return path_exists(id(), name);
}

std::vector<std::string> Hdf5Group::names() const {
    const Hdf5Guard guard;
    std::vector<std::string> names;
    // Only groups that track the order of creation can be listed in it.
    if (H5Literate(id(), H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, add_name, &names) < 0) {
        names.clear();
        check_read(H5Literate(id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add_name, &names),
                   "list the group", {id()});
    }
    return names;
}

}  // namespace comq
