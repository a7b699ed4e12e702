#include "weights/sharded_checkpoint.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "core/errors.hpp"

namespace comq {
namespace {

constexpr std::size_t max_index_bytes = 100'000'000;

/** The names of each shard's tensors. */
std::map<std::string, std::set<std::string>> parse_index(const FileBytes& index) {
    // The callback keeps hostile nesting out of the document.
    const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
        return depth <= 4;
    };
    const nlohmann::json json = nlohmann::json::parse(index.text(), shallow, false);
    const auto map = json.is_object() ? json.find("weight_map") : json.end();
    if (json.is_discarded() || !json.is_object() || map == json.end() || !map->is_object()) {
        throw damaged_file(index.name, "not a valid index of shards");
    }
    std::map<std::string, std::set<std::string>> shards;
    for (const auto& [tensor, shard] : map->items()) {
        if (!shard.is_string()) {
            throw InputError("{}: tensor '{}': its shard is not text", index.name, tensor);
        }
        const auto file = shard.get<std::string>();
        if (file.empty() || file == "." || file == ".." || file.find('/') != std::string::npos) {
            throw InputError("{}: tensor '{}': shard '{}' is not a file beside the index",
                             index.name, tensor, file);
        }
        shards[file].insert(tensor);
    }
    return shards;
}

}  // namespace

bool looks_like_shard_index(const FileBytes& file) {
    const std::string_view text = file.text();
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return file.size <= max_index_bytes && first != std::string_view::npos && text[first] == '{' &&
           text.find("\"weight_map\"") != std::string_view::npos;
}

std::vector<std::string> shards_of(const FileBytes& index) {
    std::vector<std::string> files;
    for (const auto& [file, names] : parse_index(index)) files.push_back(file);
    return files;
}

TensorMap join_shards(const FileBytes& index,
                      const std::function<TensorMap(const std::string&)>& read_shard) {
    TensorMap whole;
    for (const auto& [file, names] : parse_index(index)) {
        TensorMap shard = read_shard(file);
        for (const std::string& name : names) {
            if (!shard.contains(name)) {
                throw InputError("{}: tensor '{}' is not in its shard {} (download both again)",
                                 index.name, name, file);
            }
        }
        for (const auto& [name, tensor] : shard) {
            if (!names.contains(name)) {
                throw InputError(
                    "{}: shard {} holds tensor '{}' of another checkpoint (download "
                    "both again)",
                    index.name, file, name);
            }
        }
        whole.merge(std::move(shard));
    }
    return whole;
}

}  // namespace comq
