#include <unistd.h>

#include "core/input_file.hpp"
#include "core/text.hpp"
#include "storage/hdf5_handle.hpp"
#include "storage/hdf5_heaps.hpp"
#include "storage/hdf5_probe.hpp"
#include "storage/mapped_file.hpp"
#include "storage/seal.hpp"

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

template <typename Info>
herr_t add_name(hid_t, const char* name, const Info*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

/** Names inside an object, in order of creation where it keeps that; `iterate` adds them. */
template <typename Iterate>
std::vector<std::string> listed(hid_t object, const char* action, Iterate iterate) {
    std::vector<std::string> names;
    if (iterate(H5_INDEX_CRT_ORDER, &names) < 0) {
        names.clear();
        check_read(iterate(H5_INDEX_NAME, &names), action, {object});
    }
    return names;
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

Hdf5Handle open_attribute(hid_t object, const std::string& name) {
    return {check_read(H5Aopen(object, name.c_str(), H5P_DEFAULT), "read the attribute",
                       {object, name}),
            H5Aclose};
}

/** A scalar attribute of `type` in file and memory; replaces one of that name. */
void write_scalar(hid_t object, const std::string& name, hid_t type, const void* value) {
    const char* action = "write the attribute";
    const Hdf5Place place{object, name};
    if (check_write(H5Aexists(object, name.c_str()), action, place) > 0) {
        check_write(H5Adelete(object, name.c_str()), action, place);
    }
    const Hdf5Handle space(check_write(H5Screate(H5S_SCALAR), action, place), H5Sclose);
    const Hdf5Handle attribute(
        check_write(H5Acreate2(object, name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                    action, place),
        H5Aclose);
    check_write(H5Awrite(attribute.get(), type, value), action, place);
}

template <typename T>
T read_scalar(hid_t object, const std::string& name, hid_t memory_type) {
    const Hdf5Handle attribute = open_attribute(object, name);
    const Hdf5Handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (H5Sget_simple_extent_npoints(space.get()) != 1) {
        throw InputError("{}", hdf5_failure("read one value of the attribute", {object, name}));
    }
    T value{};
    check_read(H5Aread(attribute.get(), memory_type, &value), "read the attribute", {object, name});
    return value;
}

}  // namespace

std::string Hdf5Object::path() const {
    const Hdf5Guard guard;
    return hdf5_path(id());
}

bool Hdf5Object::has_attribute(const std::string& name) const {
    const Hdf5Guard guard;
    return check_read(H5Aexists(id(), name.c_str()), "look for the attribute", {id(), name}) > 0;
}

std::vector<std::string> Hdf5Object::attribute_names() const {
    const Hdf5Guard guard;
    return listed(id(), "list the attributes", [this](H5_index_t order, void* names) {
        return H5Aiterate2(id(), order, H5_ITER_INC, nullptr, add_name<H5A_info_t>, names);
    });
}

void Hdf5Object::write_attribute(const std::string& name, const std::string& value) {
    const Hdf5Guard guard;
    const Hdf5Handle type = text_type();
    const std::string valid = replace_invalid_utf8(value);
    const char* text = valid.c_str();
    write_scalar(id(), name, type.get(), &text);
}

void Hdf5Object::write_integer_attribute(const std::string& name, int64_t value) {
    const Hdf5Guard guard;
    write_scalar(id(), name, H5T_NATIVE_INT64, &value);
}

void Hdf5Object::write_real_attribute(const std::string& name, double value) {
    const Hdf5Guard guard;
    write_scalar(id(), name, H5T_NATIVE_DOUBLE, &value);
}

std::string Hdf5Object::text_attribute(const std::string& name) const {
    const Hdf5Guard guard;
    const Hdf5Handle attribute = open_attribute(id(), name);
    const Hdf5Handle type(H5Aget_type(attribute.get()), H5Tclose);
    const Hdf5Handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1) {
        throw InputError("{}", hdf5_failure("read the attribute as text", {id(), name}));
    }
    return read_texts(type.get(), space.get(),
                      [&](hid_t memory_type, void* values) {
                          check_read(H5Aread(attribute.get(), memory_type, values),
                                     "read the attribute", {id(), name});
                      })
        .front();
}

int64_t Hdf5Object::integer_attribute(const std::string& name) const {
    const Hdf5Guard guard;
    return read_scalar<int64_t>(id(), name, H5T_NATIVE_INT64);
}

double Hdf5Object::real_attribute(const std::string& name) const {
    const Hdf5Guard guard;
    return read_scalar<double>(id(), name, H5T_NATIVE_DOUBLE);
}

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
    // HDF5 itself crashes on some damaged files.
    const Seal seal = check_seal(file);
    if (seal == Seal::broken) {
        throw InputError(
            "{}: can't be opened: it is damaged, its content does not match the SHA-256 at its end "
            "(restore a copy, or run it again)",
            file.string());
    }
    const Hdf5Guard guard;
    const Hdf5Handle access = access_properties();
    // HDF5 reads beyond texts that do not end where they should, for minutes or into a crash.
    const bool ends_right = seal != Seal::none || heaps_are_whole(map_file(file).text());
    if (seal == Seal::none && ends_right) probe_hdf5(file, access.get());
    const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.get());
    if (id < 0) throw InputError("{}: can't be opened: {}", file.string(), open_problem(file));
    Hdf5File opened({id, H5Fclose}, file.string());
    if (!ends_right) {
        throw InputError(
            "{}: can't be opened: it is damaged, a text does not end where its heap does (restore "
            "a copy, or run it again)",
            file.string());
    }
    return opened;
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
    const auto size = static_cast<std::size_t>(
        check_read(H5Fget_file_image(handle_.get(), nullptr, 0), action, place));
    std::vector<std::byte> bytes;
    bytes.reserve(size + seal_length());  // files with codes are large
    bytes.resize(size);
    check_read(H5Fget_file_image(handle_.get(), bytes.data(), bytes.size()), action, place);
    seal(bytes);
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
    return listed(id(), "list the group", [this](H5_index_t order, void* names) {
        return H5Literate(id(), order, H5_ITER_INC, nullptr, add_name<H5L_info_t>, names);
    });
}

}  // namespace comq
