#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/host_tensor.hpp"

namespace comq {

/** The first bytes of an HDF5 file. */
inline constexpr std::string_view hdf5_signature = "\x89HDF\r\n\x1a\n";

/**
 * Thin RAII over HDF5's C API: each call wrapped once, all calls serialised by one mutex (the
 * library is not thread-safe in every build), errors as exceptions with the file, the object and
 * HDF5's own message: InputError when reading, Failure when writing. Files are written in the
 * default library version with dimension scales as netCDF-4 has them, without time stamps, and
 * with links and attributes in order of creation.
 */
class Hdf5Handle {
  public:
    using Id = int64_t;         ///< hid_t
    using Close = int (*)(Id);  ///< H5Fclose and its kin

    Hdf5Handle() = default;
    Hdf5Handle(Id id, Close close) : id_(id), close_(close) {}
    ~Hdf5Handle();
    Hdf5Handle(Hdf5Handle&& other) noexcept
        : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
    Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }

    Id get() const { return id_; }

  private:
    Id id_ = -1;
    Close close_ = nullptr;
};

/** A group or dataset: a path and attributes. */
class Hdf5Object {
  public:
    explicit Hdf5Object(Hdf5Handle handle) : handle_(std::move(handle)) {}

    /** "/layers/error". */
    std::string path() const;

    bool has_attribute(const std::string& name) const;
    std::vector<std::string> attribute_names() const;
    /** Replaces an attribute of that name. Text is UTF-8, of any length. */
    void write_attribute(const std::string& name, const std::string& value);
    template <std::integral T>
    void write_attribute(const std::string& name, T value) {
        write_integer_attribute(name, static_cast<int64_t>(value));
    }
    template <std::floating_point T>
    void write_attribute(const std::string& name, T value) {
        write_real_attribute(name, static_cast<double>(value));
    }
    /** Also reads fixed-length text, which other writers leave. */
    std::string text_attribute(const std::string& name) const;
    int64_t integer_attribute(const std::string& name) const;
    double real_attribute(const std::string& name) const;

  protected:
    Hdf5Handle::Id id() const { return handle_.get(); }

  private:
    void write_integer_attribute(const std::string& name, int64_t value);
    void write_real_attribute(const std::string& name, double value);

    Hdf5Handle handle_;
};

/** Kind of the elements of a dataset. */
enum class Hdf5Element { integer, real, text, other };

class Hdf5Dataset : public Hdf5Object {
  public:
    using Hdf5Object::Hdf5Object;

    std::vector<int64_t> shape() const;
    Hdf5Element element() const;
    /** The elements in row-major order, converted from any integer (real) type of the file. */
    std::vector<int64_t> integers() const;
    std::vector<double> reals() const;
    std::vector<std::string> texts() const;
    /** The elements in the file's own type; InputError when no DType is like it. */
    HostTensor tensor() const;

    /** Makes this 1-D dataset a dimension scale, the coordinates of a dimension named `name`. */
    void make_scale(const std::string& name);
    /** Says that dimension `dimension` runs over `scale`, of equal length. */
    void attach_scale(unsigned dimension, const Hdf5Dataset& scale);
};

class Hdf5Group : public Hdf5Object {
  public:
    using Hdf5Object::Hdf5Object;

    /** Creates the groups above it, too, when `name` is a path. */
    Hdf5Group create_group(const std::string& name);
    Hdf5Group open_group(const std::string& name) const;
    Hdf5Dataset open_dataset(const std::string& name) const;
    /** Whether the path leads to something. */
    bool contains(const std::string& name) const;
    /** Names of the groups and datasets inside, in order of creation where the file keeps it. */
    std::vector<std::string> names() const;

    Hdf5Dataset write_column(const std::string& name, std::span<const int64_t> values);
    Hdf5Dataset write_column(const std::string& name, std::span<const double> values);
    Hdf5Dataset write_column(const std::string& name, std::span<const std::string> values);
    /**
     * A dataset of any shape, of any DType but f16, bf16 and boolean. `deflate` > 0 compresses
     * at that level (1–9), for codes that use few of their bits.
     */
    Hdf5Dataset write_tensor(const std::string& name, const HostTensor& tensor, int deflate = 0);
};

class Hdf5File {
  public:
    /**
     * A file that lives in memory until `image` gives its bytes; `name` is for messages. HDF5
     * crashes at the end of a process in which it failed to write a file (full disk, 1.10), so
     * files are made here and written by AtomicFile.
     */
    static Hdf5File create_in_memory(const std::string& name);
    /**
     * Throws InputError for a file whose seal is broken, before HDF5 reads it; one without a seal
     * is read first in a process of its own (hdf5_probe.hpp).
     */
    static Hdf5File open_for_reading(const std::filesystem::path& file);

    Hdf5Group root() const;
    /** The bytes of the whole file as they are to stand on disk, sealed (seal.hpp). */
    std::vector<std::byte> image();

  private:
    Hdf5File(Hdf5Handle handle, std::string name)
        : handle_(std::move(handle)), name_(std::move(name)) {}

    Hdf5Handle handle_;
    std::string name_;
};

}  // namespace comq
