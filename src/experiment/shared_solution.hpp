#pragma once

#include <string>

#include "experiment/cache_folder.hpp"
#include "results/journal_part.hpp"
#include "results/run_journal.hpp"

namespace comq {

/**
 * What solving layer after layer has found, for runs that differ only in what follows it: repairs,
 * rounding of inputs, evaluation. Parts lie in the cache as they lie in a journal, checksummed, and
 * are copied into the journal of the next run, so that it goes on as after `--resume`.
 */
class SharedSolution {
  public:
    /** `origin` is RunKeys::solution: everything that the codes of a run depend on. */
    SharedSolution(const CacheFolder& folder, std::string origin);

    /** Puts the layer into `journal`, where it is not there yet and the cache has it. */
    void take_layer(const std::string& layer, RunJournal& journal) const;
    void give_layer(const LayerRecord& layer) const;

    /** The same for a set of tensors. */
    void take_tensors(TensorSet set, const std::string& name, RunJournal& journal) const;
    void give_tensors(const std::string& name, const TensorMap& tensors) const;

    /** Keeps the folder's limit. */
    void trim() const;

  private:
    std::filesystem::path file_of(const std::string& part) const;
    void give(const std::string& part, const JournalPart& content) const;

    const CacheFolder& folder_;
    std::string origin_;
};

}  // namespace comq
