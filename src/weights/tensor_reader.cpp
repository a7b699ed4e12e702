#include "weights/tensor_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/errors.hpp"
#include "storage/float8.hpp"
#include "weights/strided_copy.hpp"
#include "weights/torch_pickle.hpp"

namespace comq {
namespace {

constexpr std::size_t max_dimensions = 16;
constexpr std::size_t copy_allowance = std::size_t{64} << 20;

/** −x of floating-point numbers: their sign is the top bit of their last byte. */
HostTensor negated(const HostTensor& tensor) {
    const auto bytes = tensor.bytes();
    std::shared_ptr<std::byte[]> buffer(new std::byte[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), buffer.get());
    const std::size_t width = size_of(tensor.dtype);
    for (std::size_t last = width - 1; last < bytes.size(); last += width) {
        buffer[last] ^= std::byte{0x80};
    }
    return {tensor.dtype, tensor.shape, {buffer, buffer.get()}};
}

bool is_floating(DType dtype) {
    return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 ||
           dtype == DType::bf16;
}

}  // namespace

TensorReader::TensorReader(StorageSource& source, const std::string& file, std::size_t file_size)
    : source_(source), file_(file), copy_budget_(4 * file_size + copy_allowance) {}

HostTensor TensorReader::read(const std::string& name, const TorchTensor& tensor) {
    name_ = &name;
    HostTensor values = view(tensor);
    if (const auto format = float8_of(tensor)) {
        values = widened(*format, std::move(values.shape), values.bytes());
    }
    return is_negated(tensor, values.dtype) ? negated(values) : values;
}

HostTensor TensorReader::view(const TorchTensor& tensor) {
    const auto* storage = tensor.storage->get<TorchStorage>();
    if (storage == nullptr) fail("is a view of what is no storage");
    const DType dtype = dtype_of(tensor, *storage);
    const std::vector<int64_t> size = extents(tensor.size, "size");
    const std::vector<int64_t> stride = extents(tensor.stride, "stride");
    const auto* offset = tensor.offset->get<int64_t>();
    if (size.size() != stride.size() || offset == nullptr || *offset < 0) {
        fail("has no proper size, stride and offset");
    }
    const auto nbytes = checked_nbytes(dtype, size);
    if (!nbytes) fail(fmt::format("shape {} is too large", format_shape(size)));
    if (*nbytes == 0) return gather(dtype, size, stride, nullptr);

    const auto storage_bytes = storage_size(*storage, dtype);
    const int64_t first = first_element(size, stride, *offset, *storage, storage_bytes, dtype);
    const std::shared_ptr<const std::byte>& bytes = load(*storage, storage_bytes);
    const std::byte* begin = bytes.get() + static_cast<std::size_t>(first) * size_of(dtype);
    const bool aligned = reinterpret_cast<std::uintptr_t>(begin) % size_of(dtype) == 0;
    if (aligned && is_contiguous(size, stride)) return {dtype, size, {bytes, begin}};
    if (*nbytes > copy_budget_) {
        fail(fmt::format("repeats its storage to {} bytes (damaged?)", *nbytes));
    }
    copy_budget_ -= *nbytes;
    return gather(dtype, size, stride, begin);
}

/** A flag that torch.save notes of a lazy view changes its numbers: none may be passed over. */
bool TensorReader::is_negated(const TorchTensor& tensor, DType dtype) const {
    const auto* flags = tensor.flags == nullptr ? nullptr : tensor.flags->get<PickleMapping>();
    if (flags == nullptr) return false;
    bool negative = false;
    for (const auto& [key, value] : flags->entries) {
        const auto* set = value->get<bool>();
        if (set != nullptr && !*set) continue;
        const auto* name = key->get<std::string_view>();
        negative = name != nullptr && *name == "neg" && set != nullptr && is_floating(dtype);
        if (!negative) {
            fail(fmt::format("is a lazy view ('{}'), which is not read (resolve it by clone())",
                             name != nullptr ? *name : describe(*key)));
        }
    }
    return negative;
}

void TensorReader::fail(const std::string& what) const {
    throw InputError(
        "{}: tensor '{}': {}; download the checkpoint again or save its "
        "state_dict with a current PyTorch",
        file_, *name_, what);
}

void TensorReader::fail_dtype(std::string_view type) const {
    throw InputError("{}: tensor '{}': {} is not supported (convert it to float32 in PyTorch)",
                     file_, *name_, type);
}

std::optional<Float8> TensorReader::float8_of(const TorchTensor& tensor) const {
    const auto* global = tensor.dtype == nullptr ? nullptr : tensor.dtype->get<PickleGlobal>();
    constexpr std::string_view module = "torch.";
    if (global == nullptr || !global->name.starts_with(module)) return std::nullopt;
    return float8_named(global->name.substr(module.size()));
}

/** Of the elements that are stored: 8-bit floats are bytes until they are widened. */
DType TensorReader::dtype_of(const TorchTensor& tensor, const TorchStorage& storage) const {
    if (tensor.dtype == nullptr) {
        if (!storage.dtype) fail_dtype(storage.type);
        return *storage.dtype;
    }
    const auto* global = tensor.dtype->get<PickleGlobal>();
    if (global == nullptr) fail(fmt::format("its dtype is {}", describe(*tensor.dtype)));
    if (float8_of(tensor)) return DType::u8;
    const auto dtype = torch_dtype(global->name);
    if (!dtype) fail_dtype(global->name);
    return *dtype;
}

std::vector<int64_t> TensorReader::extents(PickleRef value, const char* what) const {
    const auto* sequence = value->get<PickleSequence>();
    if (sequence == nullptr || sequence->items.size() > max_dimensions) {
        fail(fmt::format("its {} is not a short tuple", what));
    }
    std::vector<int64_t> numbers;
    for (const PickleRef item : sequence->items) {
        const auto* number = item->get<int64_t>();
        if (number == nullptr || *number < 0) fail(fmt::format("its {} is not valid", what));
        numbers.push_back(*number);
    }
    return numbers;
}

std::size_t TensorReader::storage_size(const TorchStorage& storage, DType dtype) const {
    const DType element = storage.dtype.value_or(DType::u8);
    const auto nbytes = checked_nbytes(element, std::array{storage.numel});
    if (!nbytes) fail(fmt::format("storage '{}' is too large", storage.key));
    if (storage.dtype && *storage.dtype != dtype) fail("its dtype is not its storage's");
    return *nbytes;
}

/** Checks that the view's last element lies in the storage, too. */
int64_t TensorReader::first_element(const std::vector<int64_t>& size,
                                    const std::vector<int64_t>& stride, int64_t offset,
                                    const TorchStorage& storage, std::size_t storage_bytes,
                                    DType dtype) const {
    int64_t first = 0;
    bool overflow = __builtin_add_overflow(offset, storage.view_offset, &first);
    int64_t last = first;
    for (std::size_t d = 0; d < size.size(); ++d) {
        int64_t reach = 0;
        overflow = overflow || __builtin_mul_overflow(size[d] - 1, stride[d], &reach) ||
                   __builtin_add_overflow(last, reach, &last);
    }
    const auto elements = static_cast<int64_t>(storage_bytes / size_of(dtype));
    if (overflow || last >= elements) {
        fail(
            fmt::format("shape {} with strides {} from element {} lies outside its storage "
                        "'{}' of {}",
                        format_shape(size), format_shape(stride), first, storage.key, elements));
    }
    return first;
}

const std::shared_ptr<const std::byte>& TensorReader::load(const TorchStorage& storage,
                                                           std::size_t nbytes) {
    auto found = loaded_.find(storage.key);
    if (found == loaded_.end()) {
        try {
            found = loaded_.emplace(storage.key, source_.load(storage, nbytes)).first;
        } catch (const InputError& error) {
            throw InputError("{} (needed by tensor '{}')", error.what(), *name_);
        }
    }
    return found->second;
}

}  // namespace comq
