#include "storage/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>

#include "core/errors.hpp"
#include "storage/atomic_file.hpp"
#include "storage/float8.hpp"

namespace comq {
namespace {

static_assert(std::endian::native == std::endian::little, "the format's numbers are mapped as is");

constexpr std::size_t length_bytes = sizeof(uint64_t);
constexpr uint64_t max_header_bytes = 100'000'000;  // the format's own limit

constexpr const char* damaged = "the file is damaged; download or export it again";

/** One tensor as the header describes it; its own extents fit its byte range. */
struct Entry {
    std::string name;
    DType dtype = DType::f32;  ///< u8 where the numbers are of 8 bits
    std::optional<Float8> float8 = {};
    std::vector<int64_t> shape;
    uint64_t begin = 0;  ///< byte range in the data that follows the header
    uint64_t end = 0;
};

struct Header {
    std::vector<Entry> entries;
    std::map<std::string, std::string> metadata;
};

/**
 * Reads the header from nlohmann's events, in one pass without building a document; any value where
 * the format has none is an error at once.
 */
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit HeaderHandler(const std::string& file) : file_(file) {}
    Header take() { return std::move(header_); }

    bool null() override { unexpected("null"); }
    bool boolean(bool) override { unexpected("a boolean"); }
    bool number_float(double, const std::string&) override { unexpected("a fraction"); }
    bool number_integer(int64_t) override { unexpected("a negative number"); }
    bool binary(nlohmann::json::binary_t&) override { unexpected("binary data"); }

    bool number_unsigned(uint64_t value) override {
        if (place_ != Place::shape && place_ != Place::offsets) unexpected("a number");
        if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
            fail(fmt::format("the number {} is too large", value));
        }
        (place_ == Place::shape ? shape_ : offsets_)->push_back(static_cast<int64_t>(value));
        return true;
    }

    bool string(std::string& value) override {
        if (place_ == Place::metadata) {
            header_.metadata[key_] = value;
        } else if (place_ == Place::tensor && key_ == "dtype") {
            float8_ = float8_named(value);
            dtype_ = float8_ ? DType::u8 : dtype_named(value);
            if (!dtype_) {
                throw InputError(
                    "{}: tensor '{}': dtype '{}' is not supported (convert it to F32, F16 or BF16)",
                    file_, name_, value);
            }
        } else {
            unexpected("a string");
        }
        return true;
    }

    bool start_object(std::size_t) override {
        if (place_ == Place::outside) {
            place_ = Place::file;
        } else if (place_ == Place::file) {
            place_ = name_ == "__metadata__" ? Place::metadata : Place::tensor;
            keys_.clear();
            dtype_.reset();
            shape_.reset();
            offsets_.reset();
        } else {
            unexpected("an object");
        }
        return true;
    }

    bool end_object() override {
        if (place_ == Place::tensor) add_entry();
        place_ = place_ == Place::file ? Place::outside : Place::file;
        return true;
    }

    bool start_array(std::size_t) override {
        if (place_ != Place::tensor || (key_ != "shape" && key_ != "data_offsets")) {
            unexpected("an array");
        }
        place_ = key_ == "shape" ? Place::shape : Place::offsets;
        (place_ == Place::shape ? shape_ : offsets_).emplace();
        return true;
    }

    bool end_array() override {
        place_ = Place::tensor;
        return true;
    }

    bool key(std::string& value) override {
        if (place_ == Place::file) {
            name_ = value;
            if (!names_.insert(value).second) fail("stands twice in the header");
            return true;
        }
        key_ = value;
        if (!keys_.insert(value).second) fail(fmt::format("key '{}' stands twice", value));
        if (place_ == Place::tensor && value != "dtype" && value != "shape" &&
            value != "data_offsets") {
            fail(fmt::format("key '{}' is unknown", value));
        }
        return true;
    }

    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception&) override {
        throw InputError("{}: the header is not valid JSON at byte {} ({})", file_,
                         sizeof(uint64_t) + position, damaged);
    }

  private:
    enum class Place { outside, file, metadata, tensor, shape, offsets };

    [[noreturn]] void fail(const std::string& what) const {
        throw InputError("{}: tensor '{}': {} ({})", file_, name_, what, damaged);
    }

    [[noreturn]] void unexpected(const char* what) const {
        if (place_ == Place::outside || (place_ == Place::file && name_.empty())) {
            throw InputError("{}: the header is {} instead of an object ({})", file_, what,
                             damaged);
        }
        fail(key_.empty() ? fmt::format("{} is not expected", what)
                          : fmt::format("{} is not expected in '{}'", what, key_));
    }

    void add_entry() {
        if (!dtype_ || !shape_ || !offsets_) fail("dtype, shape or data_offsets is missing");
        if (offsets_->size() != 2) fail("data_offsets needs two numbers");
        const auto begin = static_cast<uint64_t>((*offsets_)[0]);
        const auto end = static_cast<uint64_t>((*offsets_)[1]);
        const auto nbytes = checked_nbytes(*dtype_, *shape_);
        if (!nbytes) fail(fmt::format("shape {} is too large", format_shape(*shape_)));
        if (end < begin || end - begin != *nbytes) {
            fail(fmt::format("{} {} needs {} bytes, its range is {} to {}",
                             float8_ ? "F8" : name_of(*dtype_), format_shape(*shape_), *nbytes,
                             begin, end));
        }
        header_.entries.push_back({name_, *dtype_, float8_, std::move(*shape_), begin, end});
    }

    const std::string& file_;
    Header header_;
    Place place_ = Place::outside;
    std::string name_;  ///< the tensor being read
    std::string key_;   ///< the key inside it
    std::set<std::string> names_;
    std::set<std::string> keys_;
    std::optional<DType> dtype_;
    std::optional<Float8> float8_;
    std::optional<std::vector<int64_t>> shape_;
    std::optional<std::vector<int64_t>> offsets_;
};

uint64_t header_length(std::span<const std::byte> bytes) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), length_bytes);
    return length;
}

/** Every byte of the data belongs to exactly one tensor, as the format demands. */
void check_ranges(std::vector<Entry>& entries, uint64_t data_bytes, const std::string& file) {
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
        return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    uint64_t covered = 0;
    for (const Entry& entry : entries) {
        const char* what = nullptr;
        if (entry.end > data_bytes) {
            what = "reaches beyond the end of the file: it is truncated";
        } else if (entry.begin < covered) {
            what = "overlaps another tensor: the file is damaged";
        } else if (entry.begin > covered) {
            what = "has a gap before it: the file is damaged";
        }
        if (what != nullptr) {
            throw InputError("{}: tensor '{}': its range {} to {} {} (download or export it again)",
                             file, entry.name, entry.begin, entry.end, what);
        }
        covered = entry.end;
    }
    if (covered != data_bytes) {
        throw damaged_file(file, "{} bytes after the last tensor belong to none",
                           data_bytes - covered);
    }
}

std::vector<TensorMap::const_iterator> in_file_order(const TensorMap& tensors) {
    std::vector<TensorMap::const_iterator> order;
    for (auto it = tensors.begin(); it != tensors.end(); ++it) order.push_back(it);
    // Wide numbers first, so that every tensor is aligned for its own.
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
        return size_of(a->second.dtype) > size_of(b->second.dtype);
    });
    return order;
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> bytes) {
    return bytes.size() > length_bytes && bytes[length_bytes] == std::byte{'{'} &&
           header_length(bytes) <= max_header_bytes;
}

SafetensorsFile read_safetensors(const std::filesystem::path& file) {
    return parse_safetensors(map_file(file));
}

SafetensorsFile parse_safetensors(const FileBytes& file) {
    if (file.size < length_bytes) {
        throw damaged_file(file.name, "{} bytes are too few for a safetensors file", file.size);
    }
    const uint64_t length = header_length(file.bytes());
    if (length > max_header_bytes || length > file.size - length_bytes) {
        throw damaged_file(
            file.name,
            "a header of {} bytes doesn't fit: not a safetensors file, or a truncated one", length);
    }
    const auto json = file.text().substr(length_bytes, static_cast<std::size_t>(length));
    HeaderHandler handler(file.name);
    nlohmann::json::sax_parse(json, &handler);
    Header header = handler.take();
    const std::size_t data_begin = length_bytes + static_cast<std::size_t>(length);
    check_ranges(header.entries, file.size - data_begin, file.name);

    SafetensorsFile result;
    result.metadata = std::move(header.metadata);
    for (Entry& entry : header.entries) {
        HostTensor tensor =
            HostTensor::over(entry.dtype, std::move(entry.shape),
                             file.share(data_begin + static_cast<std::size_t>(entry.begin)));
        if (entry.float8) tensor = widened(*entry.float8, std::move(tensor.shape), tensor.bytes());
        result.tensors.emplace(std::move(entry.name), std::move(tensor));
    }
    return result;
}

void write_safetensors(const std::filesystem::path& file, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata) {
    const auto order = in_file_order(tensors);
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::size_t offset = 0;
    for (const auto& tensor : order) {
        const std::size_t end = offset + tensor->second.nbytes();
        header[tensor->first] = {{"dtype", name_of(tensor->second.dtype)},
                                 {"shape", tensor->second.shape},
                                 {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const nlohmann::json::type_error&) {
        throw Failure("{}: a tensor's name or the metadata is not UTF-8", file.string());
    }
    text.resize((text.size() + 7) / 8 * 8, ' ');

    AtomicFile out(file);
    const uint64_t length = text.size();
    out.write(std::as_bytes(std::span(&length, 1)));
    out.write(std::as_bytes(std::span(text)));
    for (const auto& tensor : order) out.write(tensor->second.bytes());
    out.commit();
}

}  // namespace comq
