#include "experiment/cache_folder.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <vector>

#include "core/errors.hpp"

namespace comq {

namespace fs = std::filesystem;

CacheFolder::CacheFolder(fs::path folder, int64_t limit_bytes)
    : folder_(std::move(folder)), limit_bytes_(limit_bytes) {}

fs::path CacheFolder::file(const std::string& kind, const std::string& key) const {
    if (!enabled()) return {};
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) {
        throw UsageError(
            "{}: cannot be created: {}; set resources.cache to a folder you may "
            "write, or to null for none",
            folder_.string(), error.message());
    }
    return folder_ / fmt::format("{}-{}.safetensors", kind, key.substr(0, 32));
}

std::unique_ptr<FileLock> CacheFolder::lock(const fs::path& file,
                                            const std::atomic<bool>& stop) const {
    if (!enabled()) return nullptr;
    try {
        return FileLock::wait(file, stop, [this](const std::string& holder) {
            spdlog::info("waiting for {}, which computes what this run shares with it", holder);
            on_wait_();
        });
    } catch (const Failure& error) {
        spdlog::warn("{}; going on without the lock", error.what());
        return nullptr;
    }
}

void CacheFolder::touch(const fs::path& file) const {
    std::error_code ignored;
    fs::last_write_time(file, fs::file_time_type::clock::now(), ignored);
}

void CacheFolder::evict(const fs::path& keep) const {
    struct Entry {
        fs::path path;
        fs::file_time_type used;
        int64_t bytes;
    };
    std::vector<Entry> entries;
    int64_t total = 0;
    std::error_code ignored;
    // Other processes add and remove entries at the same time: whatever vanished is skipped.
    for (const auto& item : fs::directory_iterator(folder_, ignored)) {
        std::error_code gone;
        const auto extension = item.path().extension();
        if (extension != ".safetensors" && extension != ".tmp") continue;
        const auto used = item.last_write_time(gone);
        if (extension == ".tmp") {
            // What a killed writer left; a living one is through sooner.
            if (!gone && fs::file_time_type::clock::now() - used > std::chrono::hours(24)) {
                fs::remove(item.path(), gone);
            }
            continue;
        }
        const auto bytes = item.file_size(gone);
        if (gone) continue;
        entries.push_back({item.path(), used, static_cast<int64_t>(bytes)});
        total += entries.back().bytes;
    }
    std::ranges::sort(entries, {}, &Entry::used);
    for (const auto& entry : entries) {
        if (total <= limit_bytes_) return;
        if (entry.path == keep) continue;
        fs::remove(entry.path, ignored);
        total -= entry.bytes;
    }
}

}  // namespace comq
