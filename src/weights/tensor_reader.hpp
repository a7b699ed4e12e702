#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/float8.hpp"
#include "weights/state_dict.hpp"

namespace comq {

/**
 * Turns the views of a pickle into tensors. Storages are loaded once; what copies of views may cost
 * together is bounded by the size of the file. 8-bit floats become float32.
 */
class TensorReader {
  public:
    TensorReader(StorageSource& source, const std::string& file, std::size_t file_size);

    /** Throws InputError naming the tensor `name`. */
    HostTensor read(const std::string& name, const TorchTensor& tensor);

  private:
    [[noreturn]] void fail(const std::string& what) const;
    [[noreturn]] void fail_dtype(std::string_view type) const;
    HostTensor view(const TorchTensor& tensor);
    bool is_negated(const TorchTensor& tensor, DType dtype) const;
    std::optional<Float8> float8_of(const TorchTensor& tensor) const;
    DType dtype_of(const TorchTensor& tensor, const TorchStorage& storage) const;
    std::vector<int64_t> extents(PickleRef value, const char* what) const;
    std::size_t storage_size(const TorchStorage& storage, DType dtype) const;
    int64_t first_element(const std::vector<int64_t>& size, const std::vector<int64_t>& stride,
                          int64_t offset, const TorchStorage& storage, std::size_t storage_bytes,
                          DType dtype) const;
    const std::shared_ptr<const std::byte>& load(const TorchStorage& storage, std::size_t nbytes);

    StorageSource& source_;
    const std::string& file_;
    const std::string* name_ = nullptr;
    std::size_t copy_budget_;
    std::map<std::string_view, std::shared_ptr<const std::byte>> loaded_;
};

}  // namespace comq
