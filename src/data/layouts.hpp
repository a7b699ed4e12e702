#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/image_source.hpp"

namespace comq {

/** How the files of a data set lie: a value of `data.layout`, and what reads such files. */
struct DataLayout {
    std::string name;
    /** Keys of `data` that it reads besides root and max_bad_images; another one is an error. */
    std::vector<std::string> reads;
    /** Throws what open_image_source throws. */
    std::unique_ptr<ImageSource> (*open)(const DataConfig& config, Split split);
    /** Whether a path may name many files at once, by braces or wildcards. */
    bool patterns = false;

    /** Whether it reads the key `name` of `data`. */
    bool reads_key(std::string_view name) const;
};

// Every layout, one line each, in the order in which messages list them: the variable at the end
// of its file, which describes it.
#define COMQ_DATA_LAYOUTS(LAYOUT) \
    LAYOUT(imagefolder_layout)    \
    LAYOUT(imagenet_flat_layout)  \
    LAYOUT(imagenet_tar_layout)   \
    LAYOUT(list_layout)           \
    LAYOUT(webdataset_layout)     \
    LAYOUT(parquet_layout)        \
    LAYOUT(cifar10_layout)        \
    LAYOUT(cifar100_layout)       \
    LAYOUT(demo_layout)

#define COMQ_DECLARE_LAYOUT(layout) extern const DataLayout layout;
COMQ_DATA_LAYOUTS(COMQ_DECLARE_LAYOUT)
#undef COMQ_DECLARE_LAYOUT

std::vector<std::string> data_layout_names();
/** Throws UsageError naming data.layout. */
const DataLayout& find_layout(const std::string& name);

/** What is wrong with a key of `data` that the layout does not read, and which ones do. */
std::string unread_by_layout(const DataLayout& layout, std::string_view key);

/** The split's path as the config has it: that of its key, else data.root. */
const std::filesystem::path& given_path(const DataConfig& config, Split split);
/** given_path; throws when it is not set or does not exist. */
std::filesystem::path path_of(const DataConfig& config, Split split);

}  // namespace comq
