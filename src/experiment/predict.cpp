#include "experiment/predict.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
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

// One block of predictions is one durable file: large enough that writing it costs nothing.
constexpr int64_t images_per_block = 512;

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
                    RunJournal& journal, const EvaluationExtras& extras) {
    const auto batch_size = pass.images.batch_size;
    const auto rest = every_nth_batch(missing(pass.images, journal.predictions(name)), batch_size,
                                      communicator().rank(), communicator().size());
    if (!rest.empty()) {
        Progress progress(title_of(name), "images", static_cast<int64_t>(rest.size()));
        const auto block = std::max(images_per_block / batch_size, int64_t{1}) * batch_size;
        for (std::size_t first = 0; first < rest.size(); first += static_cast<std::size_t>(block)) {
            const auto last = std::min(first + static_cast<std::size_t>(block), rest.size());
            const auto part = pass.over({rest.begin() + static_cast<std::ptrdiff_t>(first),
                                         rest.begin() + static_cast<std::ptrdiff_t>(last)});
            journal.store_predictions({name, evaluate(network, part, progress, extras)});
        }
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
