#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "evaluation/evaluate.hpp"
#include "experiment/cache_folder.hpp"
#include "results/run_journal.hpp"

namespace comq {

/** "full_precision" and "quantized": the two networks of a run, as journal and result name them. */
inline constexpr const char* full_precision_network = "full_precision";
inline constexpr const char* quantized_network = "quantized";

/** What the journal calls the predictions of `network` for a set of images: "quantized@v2". */
std::string network_on(const std::string& network, const std::string& set);

/** What a kill loses of an evaluation: a block is stored when it has so many images, or so old. */
struct UnsavedPredictions {
    std::size_t images = 512;  ///< so many that storing them costs nothing
    std::chrono::steady_clock::duration age = std::chrono::seconds(30);
};

/**
 * Predictions of one network of a run for all images of `pass`: those that `journal` already
 * holds are taken from there, the others are computed and stored block by block, the last one also
 * where an error or a stop ends the pass. The ranks of communicator() compute a share each.
 */
Predictions predict(const Network& network, const std::string& name, const ImagePass& pass,
                    RunJournal& journal, const EvaluationExtras& extras = {},
                    const UnsavedPredictions& most_unsaved = {});

/** Whether the cache has the full-precision predictions of that key. */
bool is_cached(const CacheFolder& cache, const std::string& key);

/** Where full-precision predictions are kept. */
struct PredictionPlace {
    std::string name;  ///< in the journal: network_on(full_precision_network, …)
    std::string key;   ///< in the cache
};

/**
 * `predict` of the full-precision network with its log-probabilities, through the cache: on all of
 * ImageNet they cost hours and are the same for every run that differs in quantization only. Of
 * several runs that start at once one computes them. A damaged cache entry is computed again, said
 * in one line. With several ranks what comes from the root's cache goes to the others by the
 * journal, for each measures divergences of its share.
 */
Predictions predict_full_precision(const Network& network, const ImagePass& pass,
                                   RunJournal& journal, const CacheFolder& cache,
                                   const PredictionPlace& place);

}  // namespace comq
