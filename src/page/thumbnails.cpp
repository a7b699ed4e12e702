#include "page/thumbnails.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdint>

#include "core/errors.hpp"
#include "image/encode_jpeg.hpp"
#include "image/resize.hpp"

namespace comq {

namespace {

/** Pixels of the longer side; enough to see what is shown. */
constexpr int thumbnail_side = 128;
constexpr int thumbnail_quality = 70;

RgbImage thumbnail_of(const RgbImage& image) {
    const int longer = std::max(image.height, image.width);
    if (longer <= thumbnail_side) return image;
    const auto scaled = [&](int side) { return std::max(1, side * thumbnail_side / longer); };
    return resize(image, scaled(image.height), scaled(image.width), Interpolation::bilinear);
}

}  // namespace

std::string base64_text(std::span<const std::byte> bytes) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (k < count ? std::to_integer<uint32_t>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += k <= count ? digits[group >> (18 - 6 * k) & 63U] : '=';
        }
    }
    return text;
}

void Thumbnails::open(const DataConfig& data) {
    current_ = fmt::format("{}\n{}\n{}", data.layout, data.root.string(), data.evaluation.string());
    if (sources_.contains(current_)) return;
    Source& source = sources_[current_];
    source.number = sources_.size();
    try {
        source.images = open_image_source(data, Split::evaluation);
    } catch (const Error& error) {
        spdlog::warn("no thumbnails: {}", error.what());
        return;
    }
    for (int64_t i = 0; i < source.images->size(); ++i) {
        source.places.emplace(source.images->info(i).id, i);
    }
}

std::string Thumbnails::key_of(const std::string& id) {
    Source& source = sources_.at(current_);
    const auto place = source.places.find(id);
    if (place == source.places.end()) return "";
    std::string key = fmt::format("{}/{}", source.number, id);
    if (urls_.contains(key)) return key;
    try {
        const auto file =
            encode_jpeg(thumbnail_of(source.images->load(place->second)), thumbnail_quality);
        urls_[key] = "data:image/jpeg;base64," + base64_text(file);
    } catch (const InputError& error) {
        if (!source.failed) spdlog::warn("no thumbnail: {}", error.what());
        source.failed = true;
        return "";
    }
    return key;
}

}  // namespace comq
