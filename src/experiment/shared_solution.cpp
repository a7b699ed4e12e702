#include "experiment/shared_solution.hpp"

#include <utility>

#include "core/hash.hpp"
#include "experiment/cached_part.hpp"

namespace comq {

namespace fs = std::filesystem;

SharedSolution::SharedSolution(const CacheFolder& folder, std::string origin)
    : folder_(folder), origin_(std::move(origin)) {}

fs::path SharedSolution::file_of(const std::string& part) const {
    return folder_.file("solution", sha256_hex(origin_ + "part: " + part));
}

void SharedSolution::take_layer(const std::string& layer, RunJournal& journal) const {
    if (!folder_.enabled() || journal.has_layer(layer)) return;
    const auto file = file_of(layer);
    const auto found =
        load_cached_part(folder_, file, layer + " is computed again",
                         [&](const JournalPart& part) { return layer_from(part, file); });
    if (found) journal.store_layer(*found);
}

void SharedSolution::give_layer(const LayerRecord& layer) const {
    give(layer.name, to_part(layer));
}

void SharedSolution::take_tensors(TensorSet set, const std::string& name,
                                  RunJournal& journal) const {
    if (!folder_.enabled() || journal.tensors(set)) return;
    const auto found = load_cached_part(folder_, file_of(name), name + " are computed again",
                                        [](const JournalPart& part) { return part.tensors; });
    if (found) journal.store_tensors(set, *found);
}

void SharedSolution::give_tensors(const std::string& name, const TensorMap& tensors) const {
    give(name, {.record = "{}", .tensors = tensors});
}

void SharedSolution::give(const std::string& part, const JournalPart& content) const {
    if (folder_.enabled()) store_cached_part(file_of(part), content, part + " is not cached");
}

void SharedSolution::trim() const {
    if (folder_.enabled()) folder_.evict({});
}

}  // namespace comq
