#include "weights/npz.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/errors.hpp"
#include "weights/byte_reader.hpp"
#include "weights/strided_copy.hpp"

namespace comq {
namespace {

constexpr std::string_view npy_magic{"\x93NUMPY", 6};
constexpr std::string_view npy_suffix{".npy"};

std::optional<DType> dtype_of(std::string_view descr) {
    constexpr std::array<std::pair<std::string_view, DType>, 9> names{{{"<f8", DType::f64},
                                                                       {"<f4", DType::f32},
                                                                       {"<f2", DType::f16},
                                                                       {"<i8", DType::i64},
                                                                       {"<i4", DType::i32},
                                                                       {"<i2", DType::i16},
                                                                       {"|i1", DType::i8},
                                                                       {"|u1", DType::u8},
                                                                       {"|b1", DType::boolean}}};
    for (const auto& [name, dtype] : names) {
        if (name == descr) return dtype;
    }
    return std::nullopt;
}

/** The header, a Python dictionary such as {'descr': '<f4', 'fortran_order': False, 'shape': (3,),
 * } */
class NpyHeader {
  public:
    NpyHeader(std::string_view text, const std::string& file) : rest_(text), file_(file) {
        expect('{');
        while (!accept('}')) {
            const std::string_view key = quoted();
            expect(':');
            if (key == "descr") {
                read_descr();
            } else if (key == "fortran_order") {
                fortran_order = read_boolean();
            } else if (key == "shape") {
                shape = read_shape();
            } else {
                fail();
            }
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        if (!dtype || !fortran_order || !shape) fail();
    }

    std::optional<DType> dtype;
    std::optional<bool> fortran_order;
    std::optional<std::vector<int64_t>> shape;

  private:
    [[noreturn]] void fail() const {
        throw InputError("{}: its .npy header is not understood (damaged?)", file_);
    }

    void skip_blanks() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size()));
    }

    bool accept(std::string_view token) {
        skip_blanks();
        if (!rest_.starts_with(token)) return false;
        rest_.remove_prefix(token.size());
        return true;
    }
    bool accept(char token) { return accept(std::string_view(&token, 1)); }
    void expect(char token) {
        if (!accept(token)) fail();
    }

    std::string_view quoted() {
        expect('\'');
        const std::size_t end = rest_.find('\'');
        if (end == std::string_view::npos) fail();
        const std::string_view text = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return text;
    }

    void read_descr() {
        skip_blanks();
        const std::string descr(rest_.starts_with('\'') ? quoted() : "a structure");
        dtype = dtype_of(descr);
        if (!dtype) {
            throw InputError("{}: element type {} is not supported (store it as '<f4')", file_,
                             descr);
        }
    }

    bool read_boolean() {
        if (accept("True")) return true;
        if (!accept("False")) fail();
        return false;
    }

    std::vector<int64_t> read_shape() {
        std::vector<int64_t> extents;
        expect('(');
        while (!accept(')')) {
            skip_blanks();
            int64_t extent = 0;
            const auto result = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
            if (result.ec != std::errc()) fail();
            rest_.remove_prefix(static_cast<std::size_t>(result.ptr - rest_.data()));
            extents.push_back(extent);
            if (!accept(',')) {
                expect(')');
                break;
            }
        }
        return extents;
    }

    std::string_view rest_;
    const std::string& file_;
};

/** Column-major data seen as the transpose of a row-major array of reversed shape. */
HostTensor from_fortran_order(HostTensor tensor) {
    std::vector<int64_t> axes(tensor.shape.size());
    for (std::size_t d = 0; d < axes.size(); ++d)
        axes[d] = static_cast<int64_t>(axes.size() - 1 - d);
    std::reverse(tensor.shape.begin(), tensor.shape.end());
    return permute(tensor, axes);
}

}  // namespace

HostTensor parse_npy(const FileBytes& file) {
    ByteReader in(file.bytes(), file.name);
    if (in.take_text(npy_magic.size()) != npy_magic) {
        throw InputError("{}: is not a .npy array", file.name);
    }
    const uint64_t major = in.take_unsigned(1);
    in.take(1);
    if (major < 1 || major > 3) {
        throw InputError("{}: version {} of the .npy format is not known", file.name, major);
    }
    const NpyHeader header(in.take_text(in.take_unsigned(major == 1 ? 2 : 4)), file.name);
    const auto nbytes = checked_nbytes(*header.dtype, *header.shape);
    if (!nbytes || *nbytes != in.remaining()) {
        throw damaged_file(file.name, "{} {} doesn't fit its {} bytes", name_of(*header.dtype),
                           format_shape(*header.shape), in.remaining());
    }
    HostTensor tensor = HostTensor::over(*header.dtype, *header.shape, file.share(in.offset()));
    return *header.fortran_order ? from_fortran_order(std::move(tensor)) : tensor;
}

bool is_npz(const ZipArchive& archive) {
    return !archive.entries().empty() &&
           std::all_of(archive.entries().begin(), archive.entries().end(),
                       [](const auto& entry) { return entry.name.ends_with(npy_suffix); });
}

TensorMap read_npz(ZipArchive& archive) {
    TensorMap tensors;
    for (const ZipArchive::Entry& entry : archive.entries()) {
        std::string name = entry.name.substr(0, entry.name.size() - npy_suffix.size());
        tensors.emplace(std::move(name), parse_npy(archive.read(entry)));
    }
    return tensors;
}

}  // namespace comq
