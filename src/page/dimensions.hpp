#pragma once

#include <string>
#include <vector>

#include "config/config_values.hpp"

namespace comq {

/** A config key by whose value the runs of a page are told apart, named and filtered. */
struct Dimension {
    std::string key;                  ///< dotted
    std::string name;                 ///< its last part, for people
    std::vector<std::string> values;  ///< one a run, short: of a path its file
};

/**
 * The keys in which runs differ, without those that change no number and those whose value another
 * one, which comes before them, decides (the images of a network, the preset of a method). The
 * network, the method and the bits come first.
 */
std::vector<Dimension> dimensions_of(const std::vector<ConfigValues>& runs);

/** "deit_tiny comq 4 bits order=greedy": what tells each run apart; empty where nothing does. */
std::vector<std::string> labels_of(const std::vector<Dimension>& dimensions, std::size_t runs);

/** A key that runs differ in, and its value in each; "(none)" where a run has none. */
struct Difference {
    std::string key;
    std::vector<std::string> values;
};

/** Every key that differs, whatever it changes, in alphabetical order. */
std::vector<Difference> differences_of(const std::vector<ConfigValues>& runs);

}  // namespace comq
