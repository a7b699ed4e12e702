#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "storage/host_tensor.hpp"
#include "weights/zip_archive.hpp"

namespace comq {

/** A tensor of an archive: a view of one of its raw files. */
struct StoredTensor {
    std::string path;  ///< of the entry, behind the archive's folder
    DType dtype = DType::f32;
    std::vector<int64_t> sizes;
    std::vector<int64_t> strides;  ///< in elements
    int64_t offset = 0;            ///< of the first element, in elements
    bool parameter = false;        ///< or else a buffer or constant

    /** Whether both are the same elements: one tensor under two names. */
    bool same_elements(const StoredTensor& other) const {
        return path == other.path && offset == other.offset && sizes == other.sizes &&
               strides == other.strides;
    }
};

/**
 * What torch.export.save writes (.pt2): a zip archive of a graph as JSON and of raw tensors.
 * Nothing in it is executed or unpickled. Every member throws InputError naming the file, and the
 * entry or tensor, for what is damaged or isn't read here.
 */
class ProgramArchive {
  public:
    /**
     * With copy_on_write, what `read` gives of contiguous tensors may be changed; the file stays as
     * it is. Throws UsageError when there is no such file.
     */
    explicit ProgramArchive(const std::filesystem::path& file,
                            Mapping mapping = Mapping::read_only);

    const std::string& file() const { return file_; }
    /** models/model.json, of a schema version that is known. */
    const nlohmann::json& program() const { return program_; }
    /** Parameters and buffers by their names in the module. */
    const std::map<std::string, StoredTensor>& weights() const { return weights_; }
    /** Buffers outside the state_dict, and tensors made while the module was built. */
    const std::map<std::string, StoredTensor>& constants() const { return constants_; }

    /** Throws unless the archive says to hold all numbers of a tensor of its lists. */
    void check(const std::string& name, const StoredTensor& tensor) const;
    /** Bytes that all its tensors together may take, several times those of the file. */
    std::size_t allowance() const { return zip_.allowance(); }
    /** The numbers of one of its tensors, gathered in row-major order. */
    HostTensor read(const std::string& name, const StoredTensor& tensor);
    /** The text that was saved under `extra_files[name]`. */
    std::optional<std::string> extra_file(const std::string& name);

  private:
    std::optional<std::string> text_of(const std::string& path);
    std::map<std::string, StoredTensor> read_index(const std::string& folder,
                                                   const std::string& index);

    std::string file_;
    ZipArchive zip_;
    std::string folder_;  ///< of all entries, with its slash
    nlohmann::json program_;
    std::map<std::string, StoredTensor> weights_;
    std::map<std::string, StoredTensor> constants_;
    std::map<std::string, FileBytes> read_;  ///< storages by path
};

}  // namespace comq
