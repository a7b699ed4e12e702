#include "experiment/predict.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <optional>
#include <unordered_set>

#include "core/communicator.hpp"
#include "core/errors.hpp"
#include "core/progress.hpp"
#include "data/selection.hpp"
#include "evaluation/evaluation_config.hpp"
#include "experiment/cached_part.hpp"
#include "storage/file_lock.hpp"

namespace comq {

namespace {

constexpr char set_mark = '@';

/** "evaluation of v2, quantized" of "quantized@v2". */
std::string title_of(const std::string& name) {
    const auto mark = name.find(set_mark);
    const std::string set = mark == std::string::npos ? "" : " of " + name.substr(mark + 1);
    return fmt::format("evaluation{}, {}", set,
                       name.starts_with(full_precision_network) ? "full precision" : "quantized");
}

/**
 * By batches of a run from its beginning, for others could change the last bits of logits. An
 * image that could not be read is missing in a batch that is done.
 */
std::vector<int64_t> missing(const ImageSet& wanted, const Predictions& done) {
    const std::unordered_set<int64_t> known(done.image.begin(), done.image.end());
    std::vector<int64_t> rest;
    for (auto batch = wanted.indices.begin(); batch != wanted.indices.end();) {
        const auto end = batch + std::min(wanted.batch_size, wanted.indices.end() - batch);
        const bool is_done =
            std::any_of(batch, end, [&](int64_t image) { return known.contains(image); });
        if (!is_done) rest.insert(rest.end(), batch, end);
        batch = end;
    }
    return rest;
}

/** Predictions of batches, in the order in which they end, on their way to a journal. */
class UnsavedBlock {
  public:
    UnsavedBlock(RunJournal& journal, const std::string& network, const UnsavedPredictions& most)
        : journal_(journal), most_(most), block_{network, {}} {}

    void add(const Predictions& batch) {
        const std::lock_guard lock(mutex_);
        append(block_.predictions, batch);
        const bool is_old = Clock::now() - begun_ >= most_.age;
        if (is_old || block_.predictions.size() >= most_.images) store_locked();
    }

    void store() {
        const std::lock_guard lock(mutex_);
        store_locked();
    }

  private:
    using Clock = std::chrono::steady_clock;

    void store_locked() {
        journal_.store_predictions(block_);
        block_.predictions = {};
        begun_ = Clock::now();
    }

    RunJournal& journal_;
    UnsavedPredictions most_;
    std::mutex mutex_;
    FinishedPredictions block_;
    Clock::time_point begun_ = Clock::now();
};

std::optional<Predictions> cached_predictions(const CacheFolder& cache,
                                              const std::filesystem::path& file,
                                              std::size_t wanted) {
    return load_cached_part(
        cache, file, "computing the predictions again", [&](const JournalPart& part) {
            auto cached = predictions_from(part, file);
            if (cached.predictions.size() != wanted) {
                throw InputError("{}: has {} of {} images", file.string(),
                                 cached.predictions.size(), wanted);
            }
            if (cached.predictions.log_probability.empty()) {
                throw InputError("{}: is of an older comq, without probabilities", file.string());
            }
            spdlog::info("full-precision predictions of {} images come from the cache ({})",
                         cached.predictions.size(), file.string());
            return std::move(cached.predictions);
        });
}

void store(const CacheFolder& cache, const std::filesystem::path& file,
           const Predictions& predictions) {
    if (store_cached_part(file, to_part(FinishedPredictions{full_precision_network, predictions}),
                          "the full-precision predictions are not cached")) {
        cache.evict(file);
    }
}

}  // namespace

std::string network_on(const std::string& network, const std::string& set) {
    return set == main_set ? network : network + set_mark + set;
}

Predictions predict(const Network& network, const std::string& name, const ImagePass& pass,
                    RunJournal& journal, const EvaluationExtras& extras,
                    const UnsavedPredictions& most_unsaved) {
    const auto rest =
        every_nth_batch(missing(pass.images, journal.predictions(name)), pass.images.batch_size,
                        communicator().rank(), communicator().size());
    if (!rest.empty()) {
        Progress progress(title_of(name), "images", static_cast<int64_t>(rest.size()));
        UnsavedBlock unsaved(journal, name, most_unsaved);
        const auto take = [&](const ImageBatch&, Predictions&& batch) { unsaved.add(batch); };
        try {
            evaluate_batches(network, pass.over(rest), progress, extras, take);
        } catch (...) {
            unsaved.store();
            throw;
        }
        unsaved.store();
    }
    journal.exchange(communicator());
    return journal.predictions(name);
}

bool is_cached(const CacheFolder& cache, const std::string& key) {
    return cache.enabled() && std::filesystem::exists(cache.file("predictions", key));
}

Predictions predict_full_precision(const Network& network, const ImagePass& pass,
                                   RunJournal& journal, const CacheFolder& cache,
                                   const PredictionPlace& place) {
    const auto wanted = pass.images.indices.size();
    const auto compute = [&] {
        return predict(network, place.name, pass, journal, {.log_probabilities = true});
    };
    if (!cache.enabled()) return compute();
    const auto file = cache.file("predictions", place.key);
    Communicator& ranks = communicator();
    std::optional<Predictions> cached;
    std::unique_ptr<FileLock> lock;
    if (ranks.root()) {
        cached = cached_predictions(cache, file, wanted);
        if (!cached) {
            lock = cache.lock(file, pass.stop);
            cached = cached_predictions(cache, file, wanted);
        }
    }
    if (ranks.broadcast(cached ? "cached" : "") == "cached") {
        if (ranks.size() == 1) return std::move(*cached);
        if (cached && journal.predictions(place.name).size() == 0) {
            journal.store_predictions({place.name, *cached});
        }
        journal.exchange(ranks);
        return journal.predictions(place.name);
    }
    Predictions predictions = compute();
    // What could not be read today may be readable tomorrow.
    const bool whole = predictions.size() == wanted;
    if (ranks.root() && whole) store(cache, file, predictions);
    return predictions;
}

}  // namespace comq
