#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <parquet/api/reader.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "core/threads.hpp"
#include "data/class_labels.hpp"
#include "data/encoded_source.hpp"
#include "data/layouts.hpp"
#include "data/recent_values.hpp"
#include "data/shard_pattern.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

using Encoded = std::vector<std::byte>;

/** A Parquet file, its images read a row group at a time. Thread-safe. */
class ParquetShard {
  public:
    ParquetShard(fs::path file, std::string_view key);

    int64_t rows() const { return first_.back(); }
    const fs::path& file() const { return file_; }
    const FileVersion& version() const { return version_; }
    /** Labels of all rows; empty: there is no column of them. */
    const std::vector<int64_t>& labels() const { return labels_; }
    /** Classes that Hugging Face's metadata names; 0: none. */
    int64_t named_classes() const;

    int group_of(int64_t row) const {
        return static_cast<int>(std::ranges::upper_bound(first_, row) - first_.begin() - 1);
    }
    int64_t first_row(int group) const { return first_[static_cast<std::size_t>(group)]; }
    uint64_t bytes_of_image(int group) const;
    std::vector<Encoded> read_images(int group) const;

  private:
    int find_column(std::span<const std::string_view> names) const;
    std::unique_ptr<parquet::ParquetFileReader> open() const;
    void read_labels(int column);

    fs::path file_;
    FileVersion version_;
    std::shared_ptr<parquet::FileMetaData> metadata_;
    std::vector<int64_t> first_;  ///< row of each group, then the number of rows
    int images_ = -1;             ///< column
    std::vector<int64_t> labels_;
};

/** Runs `read`; what Arrow throws becomes an InputError naming the file. */
template <typename Read>
auto reading(const fs::path& file, const Read& read) {
    try {
        return read();
    } catch (const parquet::ParquetException& error) {
        throw InputError("{}: {}; is the file complete?", file.string(), error.what());
    }
}

constexpr std::array<std::string_view, 8> image_columns{
    "image.bytes", "img.bytes", "jpg.bytes", "image", "img", "jpg", "jpeg", "png"};
constexpr std::array<std::string_view, 5> label_columns{"label", "labels", "fine_label", "cls",
                                                        "class"};

ParquetShard::ParquetShard(fs::path file, std::string_view key) : file_(std::move(file)) {
    version_ = RandomAccessFile(file_).version();
    metadata_ = reading(file_, [&] {
        return parquet::ParquetFileReader::OpenFile(file_.string(), false)->metadata();
    });
    first_.push_back(0);
    for (int group = 0; group < metadata_->num_row_groups(); ++group) {
        first_.push_back(first_.back() + metadata_->RowGroup(group)->num_rows());
    }
    images_ = find_column(image_columns);
    const bool readable =
        images_ >= 0 &&
        metadata_->schema()->Column(images_)->physical_type() == parquet::Type::BYTE_ARRAY &&
        metadata_->schema()->Column(images_)->max_repetition_level() == 0;
    if (!readable) {
        std::vector<std::string> columns;
        for (int i = 0; i < metadata_->num_columns(); ++i) {
            columns.push_back(metadata_->schema()->Column(i)->path()->ToDotString());
        }
        throw InputError("{}: {} has no column of encoded images (one of {}); it has {}", key,
                         file_.string(), fmt::join(image_columns, ", "), fmt::join(columns, ", "));
    }
    const int labels = find_column(label_columns);
    if (labels >= 0) reading(file_, [&] { read_labels(labels); });
}

int ParquetShard::find_column(std::span<const std::string_view> names) const {
    for (const std::string_view name : names) {
        const int column = metadata_->schema()->ColumnIndex(std::string(name));
        if (column >= 0) return column;
    }
    return -1;
}

std::unique_ptr<parquet::ParquetFileReader> ParquetShard::open() const {
    return parquet::ParquetFileReader::OpenFile(file_.string(), false,
                                                parquet::default_reader_properties(), metadata_);
}

int64_t ParquetShard::named_classes() const {
    const auto& pairs = metadata_->key_value_metadata();
    if (pairs == nullptr || !pairs->Contains("huggingface")) return 0;
    const auto text = pairs->Get("huggingface");
    const auto json = nlohmann::json::parse(text.ValueOr(""), nullptr, false);
    for (const std::string_view column : label_columns) {
        const nlohmann::json::json_pointer names(fmt::format("/info/features/{}/names", column));
        if (json.is_object() && json.contains(names)) {
            return static_cast<int64_t>(json.at(names).size());
        }
    }
    return 0;
}

uint64_t ParquetShard::bytes_of_image(int group) const {
    const auto row_group = metadata_->RowGroup(group);
    const auto bytes = row_group->ColumnChunk(images_)->total_compressed_size();
    return static_cast<uint64_t>(bytes / std::max<int64_t>(row_group->num_rows(), 1));
}

/** Calls `take(i, value)` for each row i of a column chunk that has a value. */
template <typename Type, typename Take>
void read_column(parquet::ColumnReader& column, int64_t rows, const Take& take) {
    constexpr int64_t most = 256;
    auto& reader = static_cast<parquet::TypedColumnReader<Type>&>(column);
    const int16_t defined = column.descr()->max_definition_level();
    std::array<int16_t, most> levels{};
    std::array<typename Type::c_type, most> values{};
    for (int64_t row = 0; row < rows && reader.HasNext();) {
        int64_t read = 0;
        // A batch ends with its page, so that what values point to stays.
        const int64_t count = reader.ReadBatch(std::min(most, rows - row), levels.data(), nullptr,
                                               values.data(), &read);
        std::size_t value = 0;
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            if (defined > 0 && levels[i] < defined) continue;
            take(row + static_cast<int64_t>(i), values[value++]);
        }
        row += count;
    }
}

void ParquetShard::read_labels(int column) {
    const auto type = metadata_->schema()->Column(column)->physical_type();
    if (type != parquet::Type::INT64 && type != parquet::Type::INT32) {
        throw InputError(
            "{}: its column '{}' is {}, not class indices as integers (layout 'list' takes names)",
            file_.string(), metadata_->schema()->Column(column)->path()->ToDotString(),
            parquet::TypeToString(type));
    }
    labels_.assign(static_cast<std::size_t>(rows()), -1);
    const auto file = open();
    for (int group = 0; group < metadata_->num_row_groups(); ++group) {
        const auto chunk = file->RowGroup(group)->Column(column);
        const int64_t first = first_row(group);
        const int64_t count = first_row(group + 1) - first;
        const auto take = [&](int64_t row, auto label) {
            labels_[static_cast<std::size_t>(first + row)] = label;
        };
        if (type == parquet::Type::INT64) {
            read_column<parquet::Int64Type>(*chunk, count, take);
        } else {
            read_column<parquet::Int32Type>(*chunk, count, take);
        }
    }
}

std::vector<Encoded> ParquetShard::read_images(int group) const {
    return reading(file_, [&] {
        const int64_t count = first_row(group + 1) - first_row(group);
        std::vector<Encoded> images(static_cast<std::size_t>(count));
        const auto file = open();
        const auto chunk = file->RowGroup(group)->Column(images_);
        read_column<parquet::ByteArrayType>(
            *chunk, count, [&](int64_t row, const parquet::ByteArray& bytes) {
                const auto* begin = reinterpret_cast<const std::byte*>(bytes.ptr);
                images[static_cast<std::size_t>(row)].assign(begin, begin + bytes.len);
            });
        return images;
    });
}

class ParquetSource final : public EncodedSource {
  public:
    ParquetSource(std::vector<std::unique_ptr<ParquetShard>> shards, int64_t classes)
        : shards_(std::move(shards)),
          classes_(classes),
          // Each thread reads images of one group, or of two.
          groups_(2 * static_cast<std::size_t>(thread_count())) {
        for (const auto& shard : shards_) {
            first_.push_back(size_);
            size_ += shard->rows();
        }
    }

    int64_t size() const override { return size_; }
    int64_t classes() const override { return classes_; }
    ImageInfo info(int64_t index) const override {
        const auto [shard, row] = locate(index);
        const auto& labels = shard->labels();
        return {fmt::format("{}:{}", shard->file().filename().string(), row),
                labels.empty() ? -1 : labels[static_cast<std::size_t>(row)],
                shard->bytes_of_image(shard->group_of(row))};
    }
    std::optional<FileVersion> version(int64_t index) const override {
        return locate(index).first->version();
    }
    fs::path place() const override { return fs::absolute(shards_.front()->file().parent_path()); }

  private:
    std::vector<std::byte> encoded(int64_t index) const override {
        const auto [shard, row] = locate(index);
        const int group = shard->group_of(row);
        const auto images = groups_.get(
            {shard, group}, [shard = shard, group] { return shard->read_images(group); });
        return (*images)[static_cast<std::size_t>(row - shard->first_row(group))];
    }
    std::string shown_name(int64_t index) const override {
        const auto [shard, row] = locate(index);
        return fmt::format("{}: row {}", shard->file().string(), row);
    }
    std::pair<const ParquetShard*, int64_t> locate(int64_t index) const {
        const auto next = std::upper_bound(first_.begin(), first_.end(), index);
        const auto shard = static_cast<std::size_t>(next - first_.begin() - 1);
        return {shards_[shard].get(), index - first_[shard]};
    }

    std::vector<std::unique_ptr<ParquetShard>> shards_;
    std::vector<int64_t> first_;  ///< index of each shard's first image
    int64_t classes_;
    mutable RecentValues<std::pair<const ParquetShard*, int>, std::vector<Encoded>> groups_;
    int64_t size_ = 0;
};

/** Classes of the labels: of data.synsets, else those the files name, else those that occur. */
int64_t classes_of(const std::vector<std::unique_ptr<ParquetShard>>& shards, const fs::path& path,
                   const DataConfig& config, Split split) {
    int64_t classes = 0;
    for (const auto& shard : shards) {
        if (shard->labels().empty()) {
            if (split == Split::calibration) return 0;
            throw UsageError("{}: {} has no column of labels (one of {})", key_of(split),
                             shard->file().string(), fmt::join(label_columns, ", "));
        }
        const int64_t highest = std::ranges::max(shard->labels());
        classes = std::max({classes, shard->named_classes(), highest + 1});
    }
    return number_of_classes(classes, path, config.synsets);
}

/**
 * Hugging Face's Parquet shards: a column of encoded images (`image.bytes`) and one of class
 * indices (`label`). The path is a file, a folder of them, or a pattern (`validation-*.parquet`).
 */
std::unique_ptr<ImageSource> open_parquet(const DataConfig& config, Split split) {
    const fs::path& given = given_path(config, split);
    const std::vector<fs::path> files = expand_shards(given, ".parquet", key_of(split));
    std::vector<std::unique_ptr<ParquetShard>> shards(files.size());
    Progress progress("reading shards", "shards", std::ssize(files));
    tbb::parallel_for(std::size_t{0}, files.size(), [&](std::size_t i) {
        shards[i] = std::make_unique<ParquetShard>(files[i], key_of(split));
        progress.advance();
    });
    const bool empty =
        std::ranges::all_of(shards, [](const auto& shard) { return shard->rows() == 0; });
    if (empty) throw InputError("{}: {} holds no images", key_of(split), given.string());
    const int64_t classes = classes_of(shards, given, config, split);
    return std::make_unique<ParquetSource>(std::move(shards), classes);
}

}  // namespace

const DataLayout parquet_layout{
    "parquet", {"calibration", "evaluation", "synsets", "classes"}, open_parquet, true};

}  // namespace comq
