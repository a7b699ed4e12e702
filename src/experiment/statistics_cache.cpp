#include "experiment/statistics_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "experiment/cached_part.hpp"

namespace comq {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kind = "statistics";

std::string tensor_name(const std::string& statistic, std::size_t group) {
    return fmt::format("{}/{}", statistic, group);
}

/** Shares the triangle's numbers, which must outlive the tensor. */
HostTensor view_of(const PackedTriangle& triangle) {
    const auto* bytes = reinterpret_cast<const std::byte*>(triangle.values().data());
    return {DType::f64,
            {static_cast<int64_t>(triangle.values().size())},
            std::shared_ptr<const std::byte>(std::shared_ptr<const void>(), bytes)};
}

PackedTriangle triangle_from(const JournalPart& part, const std::string& name, int64_t order,
                             const fs::path& file) {
    PackedTriangle triangle(order);
    const auto found = part.tensors.find(name);
    if (found == part.tensors.end() || found->second.dtype != DType::f64 ||
        found->second.numel() != static_cast<int64_t>(triangle.values().size())) {
        throw InputError("{}: holds no triangle '{}' of order {}", file.string(), name, order);
    }
    std::ranges::copy(found->second.as<double>(), triangle.values().begin());
    return triangle;
}

LayerStatistics statistics_from(const JournalPart& part, const std::string& origin,
                                const fs::path& file) {
    const json record = json::parse(part.record, nullptr, false);
    if (!record.is_object() || record.value("origin", "") != origin) {
        throw InputError("{}: holds the statistics of something else", file.string());
    }
    LayerStatistics statistics;
    statistics.in_features = record.at("in_features");
    statistics.groups = record.at("groups");
    statistics.rows = record.at("rows");
    for (const auto& [name, rows] : statistics.rows) {
        auto& triangles = statistics.grams[name];
        const auto count = static_cast<std::size_t>(record.at("triangles").at(name));
        for (std::size_t group = 0; group < count; ++group) {
            triangles.push_back(
                triangle_from(part, tensor_name(name, group), statistics.in_features, file));
        }
    }
    return statistics;
}

JournalPart to_part(const LayerStatistics& statistics, const std::string& origin) {
    JournalPart part;
    std::map<std::string, std::size_t> count;
    for (const auto& [name, triangles] : statistics.grams) count[name] = triangles.size();
    part.record = json{{"origin", origin},
                       {"triangles", count},
                       {"in_features", statistics.in_features},
                       {"groups", statistics.groups},
                       {"rows", statistics.rows}}
                      .dump();
    for (const auto& [name, triangles] : statistics.grams) {
        for (std::size_t group = 0; group < triangles.size(); ++group) {
            part.tensors[tensor_name(name, group)] = view_of(triangles[group]);
        }
    }
    return part;
}

}  // namespace

StatisticsCache::StatisticsCache(const CacheFolder& folder, std::string origin, bool enabled)
    : folder_(folder), origin_(std::move(origin)), enabled_(enabled) {}

bool StatisticsCache::holds(const std::string& layer) const {
    if (!enabled()) return false;
    const std::lock_guard guard(mutex_);
    return !refused_.contains(layer) && fs::exists(file_of(layer));
}

fs::path StatisticsCache::file_of(const std::string& layer) const {
    return folder_.file(kind, sha256_hex(origin_ + "layer: " + layer));
}

std::optional<LayerStatistics> StatisticsCache::load(const std::string& layer) const {
    if (!holds(layer)) return std::nullopt;
    const auto file = file_of(layer);
    auto statistics = load_cached_part(
        folder_, file, fmt::format("the statistics of {} are collected again", layer),
        [&](const JournalPart& part) { return statistics_from(part, origin_ + layer, file); });
    if (!statistics) {
        const std::lock_guard guard(mutex_);
        refused_.insert(layer);
    }
    return statistics;
}

void StatisticsCache::store(const std::string& layer, const LayerStatistics& statistics) const {
    if (!enabled()) return;
    if (store_cached_part(file_of(layer), to_part(statistics, origin_ + layer),
                          fmt::format("the statistics of {} are not cached", layer))) {
        const std::lock_guard guard(mutex_);
        refused_.erase(layer);
    }
}

void StatisticsCache::trim() const {
    if (enabled()) folder_.evict({});
}

std::unique_ptr<FileLock> StatisticsCache::lock(const std::atomic<bool>& stop) const {
    if (!enabled()) return nullptr;
    return folder_.lock(folder_.file(kind, sha256_hex(origin_)), stop);
}

}  // namespace comq
