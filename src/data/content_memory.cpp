#include "data/content_memory.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <tbb/parallel_for.h>

#include <charconv>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/progress.hpp"
#include "data/remembered_text.hpp"

namespace comq {

namespace {

constexpr std::string_view memory_head = "comq image contents 1\n";
constexpr int64_t settled_after = 2'000'000'000;  // nanoseconds

/** A line: content, version and id of an image. */
struct Remembered {
    uint64_t content = 0;
    std::string version;
};
using Memory = std::map<std::string, Remembered, std::less<>>;

Memory parse_memory(std::string_view text) {
    constexpr std::size_t version_words = 5;
    Memory memory;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(line.size() + 1);
        Remembered image;
        const char* end = line.data() + line.size();
        const char* after = std::from_chars(line.data(), end, image.content, 16).ptr;
        const auto version = static_cast<std::size_t>(after + 1 - line.data());
        std::size_t id = version;
        for (std::size_t word = 0; word < version_words; ++word) id = line.find(' ', id) + 1;
        image.version = line.substr(version, id - 1 - version);
        memory.emplace(line.substr(id), std::move(image));
    }
    return memory;
}

std::string text_of(const Memory& memory) {
    std::string text;
    for (const auto& [id, image] : memory) {
        text += fmt::format("{:x} {} {}\n", image.content, image.version, id);
    }
    return text;
}

RememberedText memory_of(const ImageSource& source) {
    const auto file = user_cache_file(source.place(), "comq-contents");
    return RememberedText(file ? std::vector{*file} : std::vector<std::filesystem::path>{});
}

int64_t now() {
    const auto time = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

uint64_t content_or_zero(const ImageSource& source, int64_t index) {
    try {
        return source.content(index);
    } catch (const InputError&) {
        return 0;
    }
}

}  // namespace

uint64_t content_hash(std::span<const std::byte> bytes) {
    return fnv1a64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::vector<uint64_t> contents_of(const ImageSource& source, std::span<const int64_t> indices,
                                  uint64_t remember_from) {
    const bool has_files = !source.place().empty();
    const int64_t begun = now();
    Memory memory;
    if (has_files) memory = parse_memory(memory_of(source).recall(memory_head).value_or(""));

    std::vector<uint64_t> contents(indices.size());
    std::vector<std::optional<FileVersion>> versions(indices.size());
    std::vector<std::size_t> unknown;
    uint64_t bytes = 0;
    for (std::size_t i = 0; i < indices.size(); ++i) {
        const ImageInfo info = source.info(indices[i]);
        versions[i] = source.version(indices[i]);
        const auto known = memory.find(info.id);
        if (versions[i] && known != memory.end() && known->second.version == versions[i]->text()) {
            contents[i] = known->second.content;
        } else {
            unknown.push_back(i);
            bytes += info.bytes;
        }
    }
    const bool remembers = has_files && bytes >= remember_from;
    std::optional<Progress> progress;
    if (remembers) progress.emplace("reading images", "images", std::ssize(unknown));
    tbb::parallel_for(std::size_t{0}, unknown.size(), [&](std::size_t i) {
        contents[unknown[i]] = content_or_zero(source, indices[unknown[i]]);
        if (progress) progress->advance();
    });
    if (!remembers) return contents;

    for (const std::size_t i : unknown) {
        const std::string id = source.info(indices[i]).id;
        memory.erase(id);
        const bool settled =
            contents[i] != 0 && versions[i] && begun - versions[i]->changed > settled_after;
        if (settled && id.find('\n') == std::string::npos) {
            memory.emplace(id, Remembered{contents[i], versions[i]->text()});
        }
    }
    if (!memory_of(source).remember(memory_head, text_of(memory))) {
        spdlog::debug("{}: contents of images are not kept", source.place().string());
    }
    return contents;
}

}  // namespace comq
