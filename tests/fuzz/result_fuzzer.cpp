#include <algorithm>
#include <array>
#include <iterator>

#include "core/input_file.hpp"
#include "core/paths.hpp"
#include "fuzz/fuzz_target.hpp"
#include "results/run_file.hpp"
#include "storage/hdf5_handle.hpp"

using namespace comq;

namespace {

struct Attribute {
    std::string object;
    std::string name;
};

/** A run with all that schema 1.6 has, and what there is in it. */
struct Original {
    std::string bytes =
        read_text(source_folder() / "tests" / "results" / "files" / "schema_1_6.h5");
    std::vector<std::string> objects;
    std::vector<Attribute> attributes;
};

/** Numbers from the input, as long as there are bytes. */
class Choices {
  public:
    explicit Choices(fuzz::Bytes bytes) : bytes_(bytes) {}
    bool empty() const { return bytes_.empty(); }
    std::size_t below(std::size_t bound) {
        std::size_t value = 0;
        for (std::size_t most = bound - 1; most > 0 && !bytes_.empty(); most >>= 8U) {
            value = value << 8U | std::to_integer<std::size_t>(bytes_.front());
            bytes_ = bytes_.subspan(1);
        }
        return value % bound;
    }

  private:
    fuzz::Bytes bytes_;
};

Hdf5Handle open_image(const std::string& bytes) {
    const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_fapl_core(access.get(), 1 << 16, false);
    H5Pset_file_image(access.get(), const_cast<char*>(bytes.data()), bytes.size());
    H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
    return {H5Fopen("image", H5F_ACC_RDWR, access.get()), H5Fclose};
}

template <typename Info>
herr_t add_object(hid_t, const char* name, const Info*, void* objects) {
    if (name != std::string_view(".")) {
        static_cast<std::vector<std::string>*>(objects)->emplace_back(name);
    }
    return 0;
}

herr_t add_attribute(hid_t, const char* name, const H5A_info_t*, void* names) {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

Original read_original() {
    const Hdf5Guard guard;
    Original original;
    const Hdf5Handle file = open_image(original.bytes);
    H5Ovisit1(file.get(), H5_INDEX_NAME, H5_ITER_INC, add_object, &original.objects);
    original.objects.emplace_back("/");
    for (const std::string& object : original.objects) {
        std::vector<std::string> names;
        const Hdf5Handle opened(H5Oopen(file.get(), object.c_str(), H5P_DEFAULT), H5Oclose);
        H5Aiterate2(opened.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add_attribute, &names);
        for (const std::string& name : names) original.attributes.push_back({object, name});
    }
    return original;
}

Hdf5Handle text_of_length(std::size_t length) {
    Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), length);
    return type;
}

Hdf5Handle some_type(Choices& choices) {
    const std::array<hid_t, 16> simple{
        H5T_STD_I8LE,    H5T_STD_U8LE,       H5T_STD_I16LE,  H5T_STD_I32BE,
        H5T_STD_I64LE,   H5T_STD_I64BE,      H5T_STD_U64LE,  H5T_IEEE_F32LE,
        H5T_IEEE_F32BE,  H5T_IEEE_F64LE,     H5T_IEEE_F64BE, H5T_STD_B8LE,
        H5T_STD_REF_OBJ, H5T_NATIVE_LDOUBLE, H5T_UNIX_D32LE, H5T_STD_U8LE};
    const hid_t base = simple[choices.below(simple.size())];
    switch (choices.below(8)) {
        case 0:
            return text_of_length(H5T_VARIABLE);
        case 1:
            return text_of_length(1 + choices.below(70));
        case 2: {
            Hdf5Handle type(H5Tcreate(H5T_COMPOUND, 16), H5Tclose);
            H5Tinsert(type.get(), "value", 0, base);
            return type;
        }
        case 3: {
            const hsize_t extent = 1 + choices.below(4);
            return {H5Tarray_create2(base, 1, &extent), H5Tclose};
        }
        case 4:
            return {H5Tenum_create(H5T_NATIVE_INT8), H5Tclose};
        case 5:
            return {H5Tcreate(H5T_OPAQUE, 1 + choices.below(9)), H5Tclose};
        default:
            return {H5Tcopy(base), H5Tclose};
    }
}

Hdf5Handle some_space(Choices& choices) {
    constexpr std::array<hsize_t, 12> extents{0, 1, 2, 3, 4, 5, 6, 8, 12, 100, 1 << 20, 1ULL << 40};
    const std::size_t kind = choices.below(8);
    if (kind == 0) return {H5Screate(H5S_NULL), H5Sclose};
    if (kind == 1) return {H5Screate(H5S_SCALAR), H5Sclose};
    std::array<hsize_t, 3> dims{};
    const int rank = kind < 6 ? 1 : static_cast<int>(kind) - 4;
    for (hsize_t& extent : dims) extent = extents[choices.below(extents.size())];
    return {H5Screate_simple(rank, dims.data(), nullptr), H5Sclose};
}

/** What may be written of a type in a space: 0 for more than a few kilobytes, or pointers. */
std::size_t bytes_of(hid_t type, hid_t space) {
    constexpr double most = 8192;
    const auto size = static_cast<double>(H5Sget_simple_extent_npoints(space)) *
                      static_cast<double>(H5Tget_size(type));
    const bool plain = H5Tget_class(type) != H5T_REFERENCE && H5Tis_variable_str(type) <= 0;
    return plain && size >= 0 && size <= most ? static_cast<std::size_t>(size) : 0;
}

std::vector<char> some_values(std::size_t size, Choices& choices) {
    std::vector<char> values(size);
    for (char& value : values) {
        if (choices.empty()) break;
        value = static_cast<char>(choices.below(256));
    }
    return values;
}

void replace_attribute(hid_t file, const Attribute& attribute, Choices& choices) {
    const Hdf5Handle object(H5Oopen(file, attribute.object.c_str(), H5P_DEFAULT), H5Oclose);
    H5Adelete(object.get(), attribute.name.c_str());
    if (choices.below(4) == 0) return;
    const Hdf5Handle type = some_type(choices);
    const Hdf5Handle space = some_space(choices);
    // Attributes lie in the header of their object.
    const std::size_t size = bytes_of(type.get(), space.get());
    if (H5Sget_simple_extent_npoints(space.get()) > 512) return;
    const Hdf5Handle made(H5Acreate2(object.get(), attribute.name.c_str(), type.get(), space.get(),
                                     H5P_DEFAULT, H5P_DEFAULT),
                          H5Aclose);
    if (made.get() >= 0 && size > 0) {
        H5Awrite(made.get(), type.get(), some_values(size, choices).data());
    }
}

void replace_dataset(hid_t file, const std::string& name, Choices& choices) {
    H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    const Hdf5Handle type = some_type(choices);
    const Hdf5Handle space = some_space(choices);
    const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    const int rank = H5Sget_simple_extent_ndims(space.get());
    const std::size_t size = bytes_of(type.get(), space.get());
    if (rank > 0 && (size == 0 || choices.below(2) == 0)) {
        const std::array<hsize_t, 3> chunk{2, 2, 2};
        H5Pset_chunk(creation.get(), rank, chunk.data());
        if (choices.below(2) == 0) H5Pset_deflate(creation.get(), 1);
    }
    const Hdf5Handle made(H5Dcreate2(file, name.c_str(), type.get(), space.get(), H5P_DEFAULT,
                                     creation.get(), H5P_DEFAULT),
                          H5Dclose);
    if (made.get() >= 0 && size > 0 && choices.below(4) != 0) {
        H5Dwrite(made.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 some_values(size, choices).data());
    }
}

void edit(hid_t file, const Original& original, Choices& choices) {
    const auto& object = original.objects[choices.below(original.objects.size())];
    const auto& other = original.objects[choices.below(original.objects.size())];
    const auto& attribute = original.attributes[choices.below(original.attributes.size())];
    switch (choices.below(6)) {
        case 0:
            H5Ldelete(file, object.c_str(), H5P_DEFAULT);
            break;
        case 1:
        case 2:
            replace_attribute(file, attribute, choices);
            break;
        case 3:
            replace_dataset(file, object, choices);
            break;
        case 4:
            H5Ldelete(file, object.c_str(), H5P_DEFAULT);
            H5Lcreate_soft(("/" + other).c_str(), file, object.c_str(), H5P_DEFAULT, H5P_DEFAULT);
            break;
        default:
            // One that is deleted where it stands may be found where it stood.
            H5Lmove(file, other.c_str(), file, object.c_str(), H5P_DEFAULT, H5P_DEFAULT);
            H5Lcreate_hard(file, object.c_str(), file, (object + "+").c_str(), H5P_DEFAULT,
                           H5P_DEFAULT);
    }
}

std::vector<std::byte> edited(const Original& original, Choices choices) {
    const Hdf5Guard guard;
    const Hdf5Handle file = open_image(original.bytes);
    constexpr int most_edits = 12;
    for (int i = 0; i < most_edits && !choices.empty(); ++i) edit(file.get(), original, choices);
    H5Fflush(file.get(), H5F_SCOPE_GLOBAL);
    std::vector<std::byte> image(
        static_cast<std::size_t>(std::max<ssize_t>(H5Fget_file_image(file.get(), nullptr, 0), 0)));
    H5Fget_file_image(file.get(), image.data(), image.size());
    return image;
}

}  // namespace

/**
 * A run whose groups, columns and attributes are removed, replaced by others of any type and shape
 * and linked to each other, as the bytes choose, is a run or an Error of one line. HDF5 is given
 * valid files only: result_bytes has the others.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
    static const fuzz::MemoryFile memory("run.h5");
    static const Original original = read_original();
    memory.write(edited(original, Choices(std::as_bytes(std::span(data, size)))));
    fuzz::expect_only_errors([&] { read_run_file(memory.path(), ReadScope::summary); });
    fuzz::expect_only_errors([&] {
        for (const LayerRecord& layer :
             read_run_file(memory.path(), ReadScope::everything).layers) {
            fuzz::expect(layer.scale.shape == layer.zero_point.shape &&
                             layer.bit_code.shape[0] == layer.scale.shape[0],
                         "codes, scales and zero points do not fit each other");
        }
    });
    return 0;
}
