#include <hdf5_hl.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/text.hpp"
#include "storage/hdf5_handle.hpp"

namespace comq {
namespace {

struct TypePair {
    DType dtype;
    hid_t id;
};

/** HDF5's types of the DTypes that a file may hold. */
std::array<TypePair, 7> stored_types() {
    return {{{DType::f64, H5T_NATIVE_DOUBLE},
             {DType::f32, H5T_NATIVE_FLOAT},
             {DType::i64, H5T_NATIVE_INT64},
             {DType::i32, H5T_NATIVE_INT32},
             {DType::i16, H5T_NATIVE_INT16},
             {DType::i8, H5T_NATIVE_INT8},
             {DType::u8, H5T_NATIVE_UINT8}}};
}

std::vector<hsize_t> extents(const std::vector<int64_t>& shape) {
    return {shape.begin(), shape.end()};
}

/** Properties of a new dataset; with `deflate`, chunks of about a megabyte of whole rows. */
Hdf5Handle creation_properties(const HostTensor* tensor, int deflate) {
    Hdf5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(properties.get(), false);
    H5Pset_attr_creation_order(properties.get(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    if (deflate > 0 && tensor->numel() > 0 && !tensor->shape.empty()) {
        std::vector<hsize_t> chunk = extents(tensor->shape);
        const std::size_t row_bytes = tensor->nbytes() / chunk[0];
        chunk[0] = std::min<hsize_t>(chunk[0], std::max<std::size_t>(1, 1'000'000 / row_bytes));
        H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data());
        H5Pset_deflate(properties.get(), static_cast<unsigned>(deflate));
    }
    return properties;
}

Hdf5Dataset write_dataset(hid_t group, const std::string& name, hid_t type, hid_t space,
                          hid_t properties, const void* values) {
    const char* action = "write the dataset";
    const Hdf5Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(links.get(), 1);
    Hdf5Handle dataset(check_write(H5Dcreate2(group, name.c_str(), type, space, links.get(),
                                              properties, H5P_DEFAULT),
                                   action, {group, name}),
                       H5Dclose);
    if (H5Sget_simple_extent_npoints(space) > 0) {
        check_write(H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), action,
                    {group, name});
    }
    return Hdf5Dataset(std::move(dataset));
}

Hdf5Dataset write_values(hid_t group, const std::string& name, hid_t type, std::size_t count,
                         const void* values) {
    const hsize_t extent = count;
    const Hdf5Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
    const Hdf5Handle properties = creation_properties(nullptr, 0);
    return write_dataset(group, name, type, space.get(), properties.get(), values);
}

Hdf5Handle type_of(hid_t dataset) {
    return {check_read(H5Dget_type(dataset), "read the type", {dataset}), H5Tclose};
}

Hdf5Handle space_of(hid_t dataset) {
    return {check_read(H5Dget_space(dataset), "read the shape", {dataset}), H5Sclose};
}

/** H5Sget_simple_extent_npoints as it should be: 64 bits may be too few. */
double elements_of(hid_t space) {
    if (H5Sget_simple_extent_type(space) != H5S_SIMPLE) {
        return static_cast<double>(H5Sget_simple_extent_npoints(space));
    }
    std::vector<hsize_t> dims(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, dims.data(), nullptr);
    double product = 1.0;
    for (const hsize_t extent : dims) product *= static_cast<double>(extent);
    return product;
}

/** Before memory is taken: a shape can claim any size, also of chunks that were never written. */
void check_extent(hid_t dataset) {
    constexpr double most_deflated = 1032.0;  // bytes from one
    constexpr double harmless = 1 << 16;      // bytes, less than it takes to look further
    const double claimed = elements_of(space_of(dataset).get()) *
                           static_cast<double>(H5Tget_size(type_of(dataset).get()));
    if (claimed <= harmless) return;
    const Hdf5Handle creation(
        check_read(H5Dget_create_plist(dataset), "read the layout", {dataset}), H5Pclose);
    const Hdf5Handle file(check_read(H5Iget_file_id(dataset), "find the file", {dataset}),
                          H5Fclose);
    hsize_t file_bytes = 0;
    check_read(H5Fget_filesize(file.get(), &file_bytes), "read the size", {dataset});
    const auto stored =
        static_cast<double>(std::min<hsize_t>(H5Dget_storage_size(dataset), file_bytes));
    const bool packed = H5Pget_nfilters(creation.get()) > 0;
    if (claimed <= stored * (packed ? most_deflated : 1.0)) return;
    throw InputError("{}: its shape needs {:.0f} bytes, {:.0f} are stored: the file is damaged",
                     hdf5_name({dataset}), claimed, stored);
}

template <typename T>
std::vector<T> read_values(hid_t dataset, hid_t memory_type) {
    check_extent(dataset);
    const Hdf5Handle space = space_of(dataset);
    std::vector<T> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.get())));
    check_read(H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
               "read the dataset", {dataset});
    return values;
}

std::optional<TypePair> stored_type_like(hid_t type) {
    for (const TypePair& pair : stored_types()) {
        if (H5Tget_class(type) == H5Tget_class(pair.id) &&
            H5Tget_size(type) == H5Tget_size(pair.id) &&
            H5Tget_sign(type) == H5Tget_sign(pair.id)) {
            return pair;
        }
    }
    return std::nullopt;
}

}  // namespace

Hdf5Dataset Hdf5Group::write_column(const std::string& name, std::span<const int64_t> values) {
    const Hdf5Guard guard;
    return write_values(id(), name, H5T_NATIVE_INT64, values.size(), values.data());
}

Hdf5Dataset Hdf5Group::write_column(const std::string& name, std::span<const double> values) {
    const Hdf5Guard guard;
    return write_values(id(), name, H5T_NATIVE_DOUBLE, values.size(), values.data());
}

Hdf5Dataset Hdf5Group::write_column(const std::string& name, std::span<const std::string> values) {
    const Hdf5Guard guard;
    std::vector<std::string> valid;
    for (const std::string& value : values) valid.push_back(replace_invalid_utf8(value));
    std::vector<const char*> pointers;
    for (const std::string& value : valid) pointers.push_back(value.c_str());
    const Hdf5Handle type = text_type();
    return write_values(id(), name, type.get(), pointers.size(), pointers.data());
}

Hdf5Dataset Hdf5Group::write_tensor(const std::string& name, const HostTensor& tensor,
                                    int deflate) {
    const Hdf5Guard guard;
    for (const TypePair& pair : stored_types()) {
        if (pair.dtype != tensor.dtype) continue;
        const std::vector<hsize_t> shape = extents(tensor.shape);
        const Hdf5Handle space(
            shape.empty() ? H5Screate(H5S_SCALAR)
                          : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
            H5Sclose);
        const Hdf5Handle properties = creation_properties(&tensor, deflate);
        return write_dataset(id(), name, pair.id, space.get(), properties.get(), tensor.data.get());
    }
    throw Failure("{}: HDF5 has no type for {} (convert it to F32)", hdf5_name({id(), name}),
                  name_of(tensor.dtype));
}

std::vector<int64_t> Hdf5Dataset::shape() const {
    const Hdf5Guard guard;
    const Hdf5Handle space = space_of(id());
    std::vector<hsize_t> dims(static_cast<std::size_t>(
        check_read(H5Sget_simple_extent_ndims(space.get()), "read the shape", {id()})));
    H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr);
    return {dims.begin(), dims.end()};
}

Hdf5Element Hdf5Dataset::element() const {
    const Hdf5Guard guard;
    switch (H5Tget_class(type_of(id()).get())) {
        case H5T_INTEGER:
            return Hdf5Element::integer;
        case H5T_FLOAT:
            return Hdf5Element::real;
        case H5T_STRING:
            return Hdf5Element::text;
        default:
            return Hdf5Element::other;
    }
}

std::vector<int64_t> Hdf5Dataset::integers() const {
    const Hdf5Guard guard;
    if (H5Tget_class(type_of(id()).get()) != H5T_INTEGER) {
        throw InputError("{}: holds no integers", hdf5_name({id()}));
    }
    return read_values<int64_t>(id(), H5T_NATIVE_INT64);
}

std::vector<double> Hdf5Dataset::reals() const {
    const Hdf5Guard guard;
    return read_values<double>(id(), H5T_NATIVE_DOUBLE);
}

std::vector<std::string> Hdf5Dataset::texts() const {
    const Hdf5Guard guard;
    const Hdf5Handle type = type_of(id());
    if (H5Tget_class(type.get()) != H5T_STRING) {
        throw InputError("{}: holds no text", hdf5_name({id()}));
    }
    check_extent(id());
    return read_texts(type.get(), space_of(id()).get(), [&](hid_t memory_type, void* values) {
        check_read(H5Dread(id(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values),
                   "read the dataset", {id()});
    });
}

HostTensor Hdf5Dataset::tensor() const {
    const Hdf5Guard guard;
    const auto type = stored_type_like(type_of(id()).get());
    if (!type) throw InputError("{}: its type is not supported", hdf5_name({id()}));
    std::vector<int64_t> extent = shape();
    const auto nbytes = checked_nbytes(type->dtype, extent);
    if (!nbytes) throw InputError("{}: its shape is too large", hdf5_name({id()}));
    check_extent(id());
    std::shared_ptr<std::byte[]> buffer(new std::byte[*nbytes]);
    check_read(H5Dread(id(), type->id, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer.get()),
               "read the dataset", {id()});
    return {type->dtype, std::move(extent), {buffer, buffer.get()}};
}

void Hdf5Dataset::make_scale(const std::string& name) {
    const Hdf5Guard guard;
    check_write(H5DSset_scale(id(), name.c_str()), "make a dimension scale of it", {id()});
}

void Hdf5Dataset::attach_scale(unsigned dimension, const Hdf5Dataset& scale) {
    const Hdf5Guard guard;
    check_write(H5DSattach_scale(id(), scale.id(), dimension), "attach a dimension scale", {id()});
}

}  // namespace comq
