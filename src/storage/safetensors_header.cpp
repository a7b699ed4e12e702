#include "storage/safetensors_header.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/errors.hpp"

namespace comq {
namespace {

constexpr const char* damaged = "the file is damaged; download or export it again";

/** Consumes nlohmann's events; any value where the format has none is an error at once. */
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit HeaderHandler(const std::string& file) : file_(file) {}
    SafetensorsHeader take() { return std::move(header_); }

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
            dtype_ = dtype_named(value);
            if (!dtype_) {
                fail(fmt::format("dtype '{}' is not supported (convert it to F32, F16 or BF16)",
                                 value));
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
            fail(fmt::format("{} {} needs {} bytes, its range is {} to {}", name_of(*dtype_),
                             format_shape(*shape_), *nbytes, begin, end));
        }
        header_.entries.push_back({name_, *dtype_, std::move(*shape_), begin, end});
    }

    const std::string& file_;
    SafetensorsHeader header_;
    Place place_ = Place::outside;
    std::string name_;  ///< the tensor being read
    std::string key_;   ///< the key inside it
    std::set<std::string> names_;
    std::set<std::string> keys_;
    std::optional<DType> dtype_;
    std::optional<std::vector<int64_t>> shape_;
    std::optional<std::vector<int64_t>> offsets_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& file) {
    HeaderHandler handler(file);
    nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
    return handler.take();
}

}  // namespace comq
