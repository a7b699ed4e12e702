#include "experiment/shared_solution.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "core/errors.hpp"
#include "core/hash.hpp"

namespace comq {

namespace fs = std::filesystem;

SharedSolution::SharedSolution(const CacheFolder& folder, std::string origin)
    : folder_(folder), origin_(std::move(origin)) {}

fs::path SharedSolution::file_of(const std::string& part) const {
    return folder_.file("solution", sha256_hex(origin_ + "part: " + part));
}

std::optional<JournalPart> SharedSolution::load(const std::string& part) const {
    if (!folder_.enabled()) return std::nullopt;
    const auto file = file_of(part);
    if (!fs::exists(file)) return std::nullopt;
    try {
        auto content = read_journal_part(file);
        folder_.touch(file);
        return content;
    } catch (const Error& error) {
        spdlog::warn("{}; {} is computed again", error.what(), part);
        std::error_code ignored;
        fs::remove(file, ignored);
        return std::nullopt;
    }
}

void SharedSolution::store(const std::string& part, const JournalPart& content) const {
    if (!folder_.enabled()) return;
    try {
        write_journal_part(file_of(part), content);
    } catch (const Failure& error) {
        spdlog::warn("{}; {} is not cached", error.what(), part);
    }
}

void SharedSolution::take_layer(const std::string& layer, RunJournal& journal) const {
    if (journal.has_layer(layer)) return;
    if (const auto part = load(layer)) journal.store_layer(layer_from(*part, file_of(layer)));
}

void SharedSolution::give_layer(const LayerRecord& layer) const {
    store(layer.name, to_part(layer));
}

void SharedSolution::take_tensors(TensorSet set, const std::string& name,
                                  RunJournal& journal) const {
    if (journal.tensors(set)) return;
    if (const auto part = load(name)) journal.store_tensors(set, part->tensors);
}

void SharedSolution::give_tensors(const std::string& name, const TensorMap& tensors) const {
    store(name, {.record = "{}", .tensors = tensors});
}

void SharedSolution::trim() const {
    if (folder_.enabled()) folder_.evict({});
}

}  // namespace comq
