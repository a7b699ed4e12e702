#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace comq {

/** A label as a list has it: a class index from 0, or a class name. */
struct LabelWord {
    std::size_t line;  ///< of the list, from 1
    std::string word;
};

struct ClassLabels {
    std::vector<int64_t> values;  ///< one a word
    int64_t classes = 0;
};

/**
 * Class indices of the labels of `file`; the first word tells whether they are numbers. Names are
 * lines of `synsets` or, where that is empty, sorted. Throws, naming file and line, InputError for
 * what is no index, UsageError for a name that is no class.
 */
ClassLabels class_labels(const std::vector<LabelWord>& labels, const std::filesystem::path& file,
                         const std::filesystem::path& synsets);

/** Classes of `synsets`, or else `least`, one more than the largest index of `file`. */
int64_t number_of_classes(int64_t least, const std::filesystem::path& file,
                          const std::filesystem::path& synsets);

}  // namespace comq
