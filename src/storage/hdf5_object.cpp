#include "core/text.hpp"
#include "storage/hdf5_handle.hpp"

namespace comq {
namespace {

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
        throw_read_error("read one value of the attribute", {object, name});
    }
    T value{};
    check_read(H5Aread(attribute.get(), memory_type, &value), "read the attribute", {object, name});
    return value;
}

herr_t add_name(hid_t, const char* name, const H5A_info_t*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

}  // namespace

std::string Hdf5Object::path() const {
    const Hdf5Guard guard;
    std::string name(static_cast<std::size_t>(
                         check_read(H5Iget_name(id(), nullptr, 0), "name the object", {id()})),
                     '\0');
    H5Iget_name(id(), name.data(), name.size() + 1);
    return name;
}

bool Hdf5Object::has_attribute(const std::string& name) const {
    const Hdf5Guard guard;
    return check_read(H5Aexists(id(), name.c_str()), "look for the attribute", {id(), name}) > 0;
}

std::vector<std::string> Hdf5Object::attribute_names() const {
    const Hdf5Guard guard;
    std::vector<std::string> names;
    // Only objects that track the order of creation can be listed in it.
    if (H5Aiterate2(id(), H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, add_name, &names) < 0) {
        names.clear();
        check_read(H5Aiterate2(id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add_name, &names),
                   "list the attributes", {id()});
    }
    return names;
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
        throw_read_error("read the attribute as text", {id(), name});
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

}  // namespace comq
