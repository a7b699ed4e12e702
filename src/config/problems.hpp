#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/yaml_document.hpp"
#include "core/errors.hpp"

namespace comq {

/** What is wrong with a config, collected so that the user sees everything at once. */
class ConfigProblems {
  public:
    /** Adds "file:line: key 'a.b': what". */
    void add(const YamlPosition& position, std::string_view key, std::string_view what);
    /** Adds "file:line: what". */
    void add(const YamlPosition& position, std::string_view what);

    /** Adds each line of what throw_if_any() of others threw. */
    void add(const UsageError& error);
    /** Adds what others collected. */
    void add(const ConfigProblems& others);

    bool empty() const { return lines_.empty(); }
    const std::vector<std::string>& lines() const { return lines_; }
    /** Throws one UsageError with a line a problem, repeated ones once; nothing when there is none.
     */
    void throw_if_any() const;

  private:
    void add_line(const std::string& line);

    std::vector<std::string> lines_;
};

}  // namespace comq
