#include "weights/state_dict.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/errors.hpp"
#include "weights/strided_copy.hpp"
#include "weights/torch_pickle.hpp"

namespace comq {
namespace {

constexpr std::array<std::string_view, 7> wrappers{
    "state_dict_ema", "model_ema", "ema", "state_dict", "model", "model_state_dict", "net"};
constexpr int max_wrappers = 4;
constexpr std::size_t max_dimensions = 16;
constexpr std::size_t copy_allowance = std::size_t{64} << 20;

const PickleValue* lookup(const PickleMapping& mapping, std::string_view key) {
    for (auto it = mapping.entries.rbegin(); it != mapping.entries.rend(); ++it) {
        const auto* text = it->first->get<std::string_view>();
        if (text != nullptr && *text == key) return it->second;
    }
    return nullptr;
}

bool holds_tensors(const PickleMapping& mapping) {
    return std::any_of(mapping.entries.begin(), mapping.entries.end(), [](const auto& entry) {
        return entry.second->template get<TorchTensor>() != nullptr;
    });
}

std::string first_keys(const PickleMapping& mapping) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : mapping.entries) {
        if (keys.size() == 8) {
            keys.emplace_back("…");
            break;
        }
        const auto* text = key->get<std::string_view>();
        keys.push_back(text != nullptr ? fmt::format("'{}'", text->substr(0, 80)) : describe(*key));
    }
    return fmt::format("{}", fmt::join(keys, ", "));
}

/** Turns TorchTensors into HostTensors, within a bound on what copies may cost. */
class TensorReader {
  public:
    TensorReader(StorageSource& source, const std::string& file, std::size_t file_size)
        : source_(source), file_(file), copy_budget_(4 * file_size + copy_allowance) {}

    HostTensor read(const std::string& name, const TorchTensor& tensor) {
        name_ = &name;
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

  private:
    [[noreturn]] void fail(const std::string& what) const {
        throw InputError(
            "{}: tensor '{}': {}; download the checkpoint again or save its "
            "state_dict with a current PyTorch",
            file_, *name_, what);
    }

    DType dtype_of(const TorchTensor& tensor, const TorchStorage& storage) const {
        if (tensor.dtype == nullptr) {
            if (!storage.dtype) fail(fmt::format("{} is not supported", storage.type));
            return *storage.dtype;
        }
        const auto* global = tensor.dtype->get<PickleGlobal>();
        const auto dtype = global != nullptr ? torch_dtype(global->name) : std::nullopt;
        if (!dtype) fail(fmt::format("{} is not a supported dtype", describe(*tensor.dtype)));
        return *dtype;
    }

    std::vector<int64_t> extents(const PickleRef value, const char* what) const {
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

    std::size_t storage_size(const TorchStorage& storage, DType dtype) const {
        const DType element = storage.dtype.value_or(DType::u8);
        const auto nbytes = checked_nbytes(element, std::array{storage.numel});
        if (!nbytes) fail(fmt::format("storage '{}' is too large", storage.key));
        if (storage.dtype && *storage.dtype != dtype) fail("its dtype is not its storage's");
        return *nbytes;
    }

    /** Checks that the view's last element lies in the storage, too. */
    int64_t first_element(const std::vector<int64_t>& size, const std::vector<int64_t>& stride,
                          int64_t offset, const TorchStorage& storage, std::size_t storage_bytes,
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
            fail(fmt::format(
                "shape {} with strides {} from element {} lies outside its storage "
                "'{}' of {}",
                format_shape(size), format_shape(stride), first, storage.key, elements));
        }
        return first;
    }

    const std::shared_ptr<const std::byte>& load(const TorchStorage& storage, std::size_t nbytes) {
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

    StorageSource& source_;
    const std::string& file_;
    const std::string* name_ = nullptr;
    std::size_t copy_budget_;
    std::map<std::string_view, std::shared_ptr<const std::byte>> loaded_;
};

}  // namespace

StateDict find_state_dict(const PickleValue& root, const std::string& file) {
    StateDict found;
    found.mapping = root.get<PickleMapping>();
    if (found.mapping == nullptr) {
        throw InputError(
            "{}: byte {}: the checkpoint is {} and not a dictionary of tensors (load "
            "it where it was made and save its state_dict())",
            file, root.offset, describe(root));
    }
    for (int level = 0; level < max_wrappers && !holds_tensors(*found.mapping); ++level) {
        const PickleMapping& outer = *found.mapping;
        std::vector<std::string> candidates;
        for (const std::string_view wrapper : wrappers) {
            const PickleValue* value = lookup(outer, wrapper);
            if (value == nullptr || value->get<PickleNone>() != nullptr) continue;
            const auto* inner = value->get<PickleMapping>();
            if (candidates.empty()) {
                if (inner == nullptr) {
                    throw InputError(
                        "{}: byte {}: entry '{}' is {} and not a dictionary of tensors "
                        "(load it where it was made and save its state_dict())",
                        file, value->offset, wrapper, describe(*value));
                }
                found.mapping = inner;
            }
            candidates.emplace_back(wrapper);
        }
        if (candidates.empty()) break;
        found.entry += (found.entry.empty() ? "" : ".") + candidates.front();
        found.others.assign(candidates.begin() + 1, candidates.end());
    }
    if (!holds_tensors(*found.mapping)) {
        throw InputError("{}: no tensors among its entries {} (known entries of that kind: {})",
                         file, first_keys(*found.mapping), fmt::join(wrappers, ", "));
    }
    return found;
}

TensorMap extract_tensors(const StateDict& state_dict, StorageSource& source,
                          const std::string& file, std::size_t file_size) {
    TensorReader reader(source, file, file_size);
    TensorMap tensors;
    for (const auto& [key, value] : state_dict.mapping->entries) {
        const auto* text = key->get<std::string_view>();
        const std::string name(text != nullptr ? *text : describe(*key));
        if (value->get<PickleOpaque>() != nullptr || value->get<TorchStorage>() != nullptr) {
            throw InputError(
                "{}: byte {}: '{}' is {}, which is not read: only plain tensors are "
                "(load it where it was made and save tensors)",
                file, value->offset, name, describe(*value));
        }
        const auto* tensor = value->get<TorchTensor>();
        if (tensor == nullptr) continue;
        if (text == nullptr) {
            throw InputError("{}: byte {}: a tensor's name is {} instead of text", file,
                             key->offset, name);
        }
        if (!tensors.emplace(name, reader.read(name, *tensor)).second) {
            throw InputError("{}: tensor '{}' stands twice in the state_dict", file, name);
        }
    }
    return tensors;
}

}  // namespace comq
