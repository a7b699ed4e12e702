#include <fmt/format.h>

#include <array>
#include <map>

#include "core/errors.hpp"
#include "weights/state_dict.hpp"
#include "weights/torch_file.hpp"
#include "weights/torch_pickle.hpp"

namespace comq {
namespace {

/** 0x1950a86a20f9469cfc6c, PyTorch's magic number. */
constexpr std::string_view magic{"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10};
constexpr int64_t legacy_protocol = 1001;

class LegacyStorages : public StorageSource {
  public:
    LegacyStorages(const FileBytes& file, const std::map<std::string_view, std::size_t>& offsets)
        : file_(file), offsets_(offsets) {}

    std::shared_ptr<const std::byte> load(const TorchStorage& storage, std::size_t) override {
        const auto found = offsets_.find(storage.key);
        if (found == offsets_.end()) {
            throw InputError("{}: storage '{}' is missing", file_.name, storage.key);
        }
        return file_.share(found->second);
    }

  private:
    const FileBytes& file_;
    const std::map<std::string_view, std::size_t>& offsets_;
};

void check_preamble(ByteReader& in, PickleArena& arena, TorchMeaning& meaning) {
    const auto* number = unpickle(in, arena, meaning)->get<PickleBigInteger>();
    if (number == nullptr || number->bytes != magic) {
        throw InputError(
            "{}: a pickle, but not one of torch.save (load it in Python and save a "
            "state_dict of tensors with torch.save)",
            in.name());
    }
    const auto* protocol = unpickle(in, arena, meaning)->get<int64_t>();
    if (protocol == nullptr || *protocol != legacy_protocol) {
        throw InputError("{}: a version of PyTorch's legacy format that isn't known", in.name());
    }
    const auto* system = unpickle(in, arena, meaning)->get<PickleMapping>();
    if (system == nullptr) {
        throw InputError("{}: the description of the system is missing (damaged?)", in.name());
    }
    for (const auto& [key, value] : system->entries) {
        const auto* name = key->get<std::string_view>();
        const auto* flag = value->get<bool>();
        if (name != nullptr && *name == "little_endian" && flag != nullptr && !*flag) {
            throw InputError("{}: its numbers are big-endian (save it again on a common machine)",
                             in.name());
        }
    }
}

/** Byte offsets of the storages' numbers, which follow the list of their keys in its order. */
std::map<std::string_view, std::size_t> locate_storages(ByteReader& in, const PickleValue& keys,
                                                        const TorchMeaning& meaning) {
    const auto* list = keys.get<PickleSequence>();
    if (list == nullptr) in.fail(keys.offset, "the list of storages is missing");
    std::map<std::string_view, std::size_t> offsets;
    for (const PickleRef item : list->items) {
        const auto* key = item->get<std::string_view>();
        if (key == nullptr) in.fail(item->offset, "the key of a storage is not text");
        const auto described = meaning.storages().find(*key);
        const bool known = described != meaning.storages().end();
        std::optional<DType> dtype = known ? described->second.dtype : std::nullopt;
        // Tensors of newer dtypes have storages without one, whose elements are bytes.
        if (known && described->second.type == "torch.storage.UntypedStorage") dtype = DType::u8;
        if (!dtype) {
            in.fail(item->offset, fmt::format("the size of storage '{}' can't be told: {}", *key,
                                              known ? described->second.type : "nothing uses it"));
        }
        const std::size_t at = in.offset();
        const int64_t numel = in.take_signed(sizeof(int64_t));
        const auto nbytes = checked_nbytes(*dtype, std::array{numel});
        if (numel != described->second.numel || !nbytes) {
            in.fail_damaged(at, fmt::format("storage '{}' has {} elements instead of {}", *key,
                                            numel, described->second.numel));
        }
        offsets.emplace(*key, in.offset());
        in.take(*nbytes);
    }
    return offsets;
}

}  // namespace

bool looks_like_pickle(std::span<const std::byte> bytes) {
    return bytes.size() > 1 && bytes[0] == std::byte{0x80} && bytes[1] <= std::byte{5};
}

Checkpoint read_legacy_torch_file(const FileBytes& file, const std::string& wanted) {
    ByteReader in(file.bytes(), file.name);
    PickleArena arena;
    TorchMeaning meaning;
    check_preamble(in, arena, meaning);
    const PickleRef root = unpickle(in, arena, meaning);
    StateDict state_dict = find_state_dict(*root, wanted, file.name);
    const PickleRef keys = unpickle(in, arena, meaning);
    const auto offsets = locate_storages(in, *keys, meaning);
    LegacyStorages storages(file, offsets);
    return {extract_tensors(state_dict, storages, file.name, file.size),
            std::move(state_dict.entry), std::move(state_dict.others)};
}

}  // namespace comq
