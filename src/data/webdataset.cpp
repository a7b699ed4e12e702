#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "data/class_labels.hpp"
#include "data/encoded_source.hpp"
#include "data/folder_source.hpp"
#include "data/layouts.hpp"
#include "data/remembered_text.hpp"
#include "data/shard_pattern.hpp"
#include "data/tar_reader.hpp"
#include "data/text_lines.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** A sample's image inside its shard, and the label as its companion has it. */
struct Sample {
    std::string name;  ///< of the image member
    uint64_t offset = 0;
    uint64_t size = 0;
    std::string label;  ///< empty: none
};

/** The members of one sample: those whose names are equal up to the first point. */
struct SampleMembers {
    std::optional<TarMember> image;
    std::optional<TarMember> label;  ///< .cls, .txt or .json
};

struct Shard {
    fs::path file;
    FileVersion version;
    std::vector<Sample> samples;
};

/** What may say the class, the best first. */
constexpr std::array<std::string_view, 3> label_extensions{".cls", ".json", ".txt"};

std::size_t position_of_label(const TarMember& member) {
    const std::string extension = fs::path(member.name).extension().string();
    const auto found = std::ranges::find(label_extensions, extension);
    return static_cast<std::size_t>(found - label_extensions.begin());
}

std::string key_of_sample(const std::string& name) {
    const std::size_t file = name.rfind('/') + 1;  // npos + 1 is 0
    return name.substr(0, name.find('.', file));
}

std::string text_inside(const RandomAccessFile& file, const TarMember& member) {
    constexpr uint64_t longest_label = 1 << 20;
    if (member.size > longest_label) {
        throw InputError("{}: {} is too long for a label", file.path().string(), member.name);
    }
    std::string text(member.size, '\0');
    file.read(member.offset, std::as_writable_bytes(std::span(text)));
    return text;
}

/** The word of a .cls or .txt; `label`, `cls` or `class` of a JSON object. */
std::string label_inside(const RandomAccessFile& file, const TarMember& member) {
    const std::string text = text_inside(file, member);
    if (!member.name.ends_with(".json")) {
        const std::size_t begin = text.find_first_not_of(" \t\r\n");
        if (begin == std::string::npos) return {};
        return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
    }
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_object()) {
        for (const char* key : {"label", "cls", "class"}) {
            const auto found = json.find(key);
            if (found == json.end()) continue;
            if (found->is_number_integer()) return std::to_string(found->get<int64_t>());
            if (found->is_string()) return found->get<std::string>();
        }
    }
    throw InputError("{}: {} is no JSON object with a 'label', 'cls' or 'class'",
                     file.path().string(), member.name);
}

std::vector<Sample> read_samples(const RandomAccessFile& file) {
    std::vector<std::string> order;
    std::map<std::string, SampleMembers> members;
    for (TarMember& member : read_tar_members(file, 0, file.size())) {
        if (fs::path(member.name).filename().string().starts_with('.')) continue;
        const std::string key = key_of_sample(member.name);
        const bool is_image = has_image_extension(member.name);
        const bool is_label = position_of_label(member) < label_extensions.size();
        if (!is_image && !is_label) continue;
        const auto [sample, inserted] = members.try_emplace(key);
        if (inserted) order.push_back(key);
        auto& [image, label] = sample->second;
        if (is_image && image) {
            throw InputError("{}: the sample {} has two images, {} and {}", file.path().string(),
                             key, image->name, member.name);
        }
        if (is_image) {
            image = std::move(member);
        } else if (!label || position_of_label(member) < position_of_label(*label)) {
            label = std::move(member);
        }
    }
    std::vector<Sample> samples;
    for (const std::string& key : order) {
        const auto& [image, label] = members.at(key);
        if (!image) continue;
        samples.push_back({image->name, image->offset, image->size,
                           label ? label_inside(file, *label) : std::string()});
        if (samples.back().label.find_first_of("\t\n") != std::string::npos ||
            image->name.find('\n') != std::string::npos) {
            throw InputError("{}: name or label of the sample {} holds a tab or line break",
                             file.path().string(), key);
        }
    }
    return samples;
}

/** A line: offset, size, label and, behind a tab, name. */
std::string text_of_samples(const std::vector<Sample>& samples) {
    std::string text;
    for (const Sample& sample : samples) {
        text +=
            fmt::format("{}\t{}\t{}\t{}\n", sample.offset, sample.size, sample.label, sample.name);
    }
    return text;
}

std::vector<Sample> parse_samples(std::string_view text) {
    std::vector<Sample> samples;
    while (!text.empty()) {
        const auto next = [&](char end) {
            const std::string_view field = text.substr(0, text.find(end));
            text.remove_prefix(field.size() + 1);
            return field;
        };
        Sample sample;
        sample.offset = static_cast<uint64_t>(to_number(next('\t')).value_or(0));
        sample.size = static_cast<uint64_t>(to_number(next('\t')).value_or(0));
        sample.label = next('\t');
        sample.name = next('\n');
        samples.push_back(std::move(sample));
    }
    return samples;
}

/** Through an index that is kept as that of other archives is. */
Shard open_shard(const fs::path& path) {
    const RandomAccessFile file(path);
    const std::string head = fmt::format("comq webdataset index 1: {}\n", file.version().text());
    std::vector<fs::path> places{path.string() + ".comq-index"};
    if (const auto place = user_cache_file(path, "comq-index")) places.push_back(*place);
    const RememberedText index(std::move(places));
    if (const auto text = index.recall(head)) return {path, file.version(), parse_samples(*text)};
    Shard shard{path, file.version(), read_samples(file)};
    index.remember(head, text_of_samples(shard.samples));
    return shard;
}

/** Images of several archives, each opened while one of its images is read. */
class ShardSource final : public EncodedSource {
  public:
    ShardSource(fs::path folder, std::vector<Shard> shards, ClassLabels labels)
        : folder_(std::move(folder)), shards_(std::move(shards)), labels_(std::move(labels)) {
        for (const Shard& shard : shards_) {
            first_.push_back(size_);
            size_ += std::ssize(shard.samples);
        }
    }

    int64_t size() const override { return size_; }
    int64_t classes() const override { return labels_.classes; }
    ImageInfo info(int64_t index) const override {
        const auto [shard, sample] = locate(index);
        const int64_t label =
            labels_.values.empty() ? -1 : labels_.values[static_cast<std::size_t>(index)];
        return {shard->file.filename().string() + ":" + sample->name, label, sample->size};
    }
    std::optional<FileVersion> version(int64_t index) const override {
        return locate(index).first->version;
    }
    fs::path place() const override { return fs::absolute(folder_); }

  private:
    std::vector<std::byte> encoded(int64_t index) const override {
        const auto [shard, sample] = locate(index);
        std::vector<std::byte> bytes(sample->size);
        RandomAccessFile(shard->file).read(sample->offset, bytes);
        return bytes;
    }
    std::string shown_name(int64_t index) const override {
        const auto [shard, sample] = locate(index);
        return shard->file.string() + ": " + sample->name;
    }
    std::pair<const Shard*, const Sample*> locate(int64_t index) const {
        const auto next = std::upper_bound(first_.begin(), first_.end(), index);
        const auto shard = static_cast<std::size_t>(next - first_.begin() - 1);
        return {&shards_[shard],
                &shards_[shard].samples[static_cast<std::size_t>(index - first_[shard])]};
    }

    fs::path folder_;
    std::vector<Shard> shards_;
    std::vector<int64_t> first_;  ///< index of each shard's first image
    ClassLabels labels_;          ///< of all images in their order; no values: none
    int64_t size_ = 0;
};

ClassLabels labels_of_shards(const std::vector<Shard>& shards, const fs::path& path,
                             const DataConfig& config, Split split) {
    std::vector<LabelWord> words;
    for (const Shard& shard : shards) {
        for (const Sample& sample : shard.samples) {
            if (!sample.label.empty()) {
                words.push_back({words.size() + 1, sample.label});
            } else if (split == Split::evaluation) {
                throw UsageError("{}: {}: {} has no .cls, .json or .txt beside it, so no label",
                                 key_of(split), shard.file.string(), sample.name);
            } else {
                return {};
            }
        }
    }
    return class_labels(words, path, config.synsets);
}

/**
 * WebDataset: tar archives whose members belong together by name: `0001.jpg` and its class index or
 * name in `0001.cls`, `.txt` or (`label`, `cls`, `class`) `.json`. The path is an archive, a folder
 * of them, or a pattern (`val-{000000..000063}.tar`, `val-*.tar`). Order is that of the shards and
 * of their members. Only evaluation needs labels.
 */
std::unique_ptr<ImageSource> open_webdataset(const DataConfig& config, Split split) {
    const fs::path& given = given_path(config, split);
    const std::vector<fs::path> files = expand_shards(given, ".tar", key_of(split));
    std::vector<Shard> shards(files.size());
    Progress progress("reading shards", "shards", std::ssize(files));
    tbb::parallel_for(std::size_t{0}, files.size(), [&](std::size_t i) {
        shards[i] = open_shard(files[i]);
        progress.advance();
    });
    std::size_t images = 0;
    for (const Shard& shard : shards) images += shard.samples.size();
    if (images == 0) {
        throw InputError("{}: the {} shards of {} hold no images", key_of(split), files.size(),
                         given.string());
    }
    ClassLabels labels = labels_of_shards(shards, given, config, split);
    return std::make_unique<ShardSource>(files.front().parent_path(), std::move(shards),
                                         std::move(labels));
}

}  // namespace

const DataLayout webdataset_layout{
    "webdataset", {"calibration", "evaluation", "synsets", "classes"}, open_webdataset, true};

}  // namespace comq
