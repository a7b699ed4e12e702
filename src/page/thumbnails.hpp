#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "data/data_config.hpp"
#include "data/image_source.hpp"

namespace comq {

/** Base64 of RFC 4648, padded. */
std::string base64_text(std::span<const std::byte> bytes);

/**
 * Small JPEGs of evaluation images as data URLs, which a page holds itself. Images of one source
 * are found and decoded once, whatever runs ask for them. What can't be opened or read is warned of
 * once and has no thumbnail.
 */
class Thumbnails {
  public:
    /** The images that may be asked for next: those of a run, or of one of its sets. */
    void open(const DataConfig& data);

    /** The key in urls() of the image `id` of the source opened last; empty: it has none. */
    std::string key_of(const std::string& id);

    const std::map<std::string, std::string>& urls() const { return urls_; }

  private:
    struct Source {
        std::size_t number = 0;
        std::unique_ptr<ImageSource> images;
        std::map<std::string, int64_t> places;  ///< of ids
        bool failed = false;                    ///< an image of it could not be read
    };

    std::map<std::string, Source> sources_;  ///< by where they lie
    std::string current_;
    std::map<std::string, std::string> urls_;
};

}  // namespace comq
