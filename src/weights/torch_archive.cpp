#include <fmt/format.h>

#include <algorithm>

#include "core/errors.hpp"
#include "weights/state_dict.hpp"
#include "weights/torch_file.hpp"
#include "weights/torch_pickle.hpp"

namespace comq {
namespace {

/** "name/data.pkl" with one folder above, as PyTorch writes; null when there is none. */
const ZipArchive::Entry* pickle_entry(const ZipArchive& archive) {
    for (const ZipArchive::Entry& entry : archive.entries()) {
        if (entry.name.ends_with("/data.pkl") &&
            std::count(entry.name.begin(), entry.name.end(), '/') == 1) {
            return &entry;
        }
    }
    return nullptr;
}

class ArchiveStorages : public StorageSource {
  public:
    ArchiveStorages(ZipArchive& archive, std::string folder, const std::string& file)
        : archive_(archive), folder_(std::move(folder)), file_(file) {}

    std::shared_ptr<const std::byte> load(const TorchStorage& storage,
                                          std::size_t nbytes) override {
        const std::string name = fmt::format("{}data/{}", folder_, storage.key);
        const ZipArchive::Entry* entry = archive_.find(name);
        if (entry == nullptr) throw InputError("{}: storage '{}' is missing", file_, name);
        if (entry->size < nbytes) {
            throw InputError("{}: storage '{}' has {} bytes instead of {}", file_, name,
                             entry->size, nbytes);
        }
        return archive_.read(*entry).data;
    }

  private:
    ZipArchive& archive_;
    std::string folder_;
    const std::string& file_;
};

void check_byte_order(ZipArchive& archive, const std::string& folder, const std::string& file) {
    const ZipArchive::Entry* entry = archive.find(folder + "byteorder");
    if (entry == nullptr) return;
    const FileBytes order = archive.read(*entry);
    if (std::string_view(reinterpret_cast<const char*>(order.data.get()), order.size) == "big") {
        throw InputError("{}: its numbers are big-endian (save it again on a common machine)",
                         file);
    }
}

}  // namespace

bool is_torch_archive(const ZipArchive& archive) { return pickle_entry(archive) != nullptr; }

Checkpoint read_torch_archive(ZipArchive& archive, const FileBytes& file,
                              const std::string& wanted) {
    const ZipArchive::Entry* entry = pickle_entry(archive);
    if (entry == nullptr) throw InputError("{}: no data.pkl in the zip archive", file.name);
    const std::string folder = entry->name.substr(0, entry->name.find('/') + 1);
    if (archive.find(folder + "constants.pkl") != nullptr) {
        throw InputError("{}: a TorchScript program (save the model's state_dict() instead)",
                         file.name);
    }
    check_byte_order(archive, folder, file.name);

    const FileBytes pickle = archive.read(*entry);
    ByteReader in(pickle.bytes(), pickle.name);
    PickleArena arena;
    TorchMeaning meaning;
    const PickleRef root = unpickle(in, arena, meaning);
    StateDict state_dict = find_state_dict(*root, wanted, pickle.name);
    ArchiveStorages storages(archive, folder, file.name);
    return {extract_tensors(state_dict, storages, pickle.name, file.size),
            std::move(state_dict.entry), std::move(state_dict.others)};
}

}  // namespace comq
