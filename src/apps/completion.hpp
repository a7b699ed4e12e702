#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/key_info.hpp"

namespace comq {

/** What a command line may hold beside the options that CLI11 knows. */
struct Vocabulary {
    /** That are given as key=value. */
    std::function<std::vector<KeyInfo>()> keys = [] { return std::vector<KeyInfo>(); };
    std::string folder;  ///< "configs": files that come with comq can be named from any folder
};

/**
 * What the word may become behind the word `previous`: options, "key=", values of keys and options
 * where there is a list, shipped files. None where a file of the user's may stand.
 */
std::vector<std::string> completions(const CLI::App& app, const Vocabulary& vocabulary,
                                     const std::string& word, const std::string& previous);

/**
 * What is wrong with `argument`, which begins with '-' and is no option: what was meant, an option
 * or a key. `next` is the argument behind it.
 */
std::string unknown_option(const CLI::App& app, const Vocabulary& vocabulary,
                           const std::string& argument, const std::string& next);

/** Whether CLI11 would take the key `argument` ("-output.file=x") for a short option and a value.
 */
bool hides_key(const std::string& argument, const Vocabulary& vocabulary);

}  // namespace comq
