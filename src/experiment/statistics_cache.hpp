#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "experiment/cache_folder.hpp"
#include "statistics/statistics.hpp"
#include "storage/file_lock.hpp"

namespace comq {

/**
 * Part of every key: raise it when calibration sums other bits than before from the same images, or
 * LayerStatistics changes its meaning.
 */
inline constexpr int statistics_version = 1;

/**
 * Statistics of layers that runs with the same network, calibration images and recipe share: one
 * checksummed file a layer, exact to the bit, so that runs which differ in their solver only read
 * the images once. A file is loaded when its layer is solved, so memory holds one layer at a time.
 */
class StatisticsCache {
  public:
    /** `origin` is RunKeys::statistics: everything the statistics of any layer depend on. */
    StatisticsCache(const CacheFolder& folder, std::string origin, bool enabled = true);

    bool enabled() const { return enabled_ && folder_.enabled(); }
    /** Whether there is a file of this layer that load() has not refused. */
    bool holds(const std::string& layer) const;
    /** None when there is none. A damaged or foreign file is removed, which is said in one line. */
    std::optional<LayerStatistics> load(const std::string& layer) const;
    /** A file that can't be written is said in one line; the run goes on. */
    void store(const std::string& layer, const LayerStatistics& statistics) const;
    /** Keeps the folder's limit; after a group of layers is stored. */
    void trim() const;
    /** Held while statistics are collected (CacheFolder::lock). */
    std::unique_ptr<FileLock> lock(const std::atomic<bool>& stop) const;

  private:
    std::filesystem::path file_of(const std::string& layer) const;

    const CacheFolder& folder_;
    std::string origin_;
    bool enabled_;
    mutable std::mutex mutex_;
    /** Layers whose file was damaged; it may still lie there. */
    mutable std::set<std::string> refused_;
};

}  // namespace comq
