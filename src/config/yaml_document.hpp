#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace comq {

class ConfigProblems;

/** Where a piece of a config was written: a file with line and column, or a text like an override.
 */
struct YamlPosition {
    std::shared_ptr<const std::string> source;  ///< as messages name it
    int line = 0;                               ///< from 1; 0: the source has no lines
    int column = 0;                             ///< from 1

    YamlPosition() = default;
    explicit YamlPosition(const std::string& source_, int line_ = 0, int column_ = 0)
        : source(std::make_shared<const std::string>(source_)), line(line_), column(column_) {}
    /** "file:line", or the source alone when it has no lines. */
    std::string text() const;
};

/**
 * A YAML value that knows where it stands. The dialect is strict: keys are unique plain texts;
 * anchors, aliases and tags are refused (composition by `defaults:` takes their place).
 */
struct YamlNode {
    enum class Kind { null, scalar, list, map };
    struct Entry;

    Kind kind = Kind::null;
    bool quoted = false;          ///< a scalar in quotes is a text, whatever it looks like
    std::string scalar;           ///< text of a scalar
    std::vector<YamlNode> items;  ///< elements of a list
    std::vector<Entry> entries;   ///< keys of a map, in the order of the document
    YamlPosition position;

    /** The value of `key` in a map, or nullptr. */
    const YamlNode* find(std::string_view key) const;
    /** "a list", "a map", "nothing", "the text 'abc'", "3": for messages about a wrong type. */
    std::string describe() const;
};

struct YamlNode::Entry {
    std::string key;
    YamlPosition position;  ///< of the key
    YamlNode value;
};

/**
 * Parses one document. Problems (syntax, duplicate keys, tabs, bytes that are no text) are added to
 * `problems`; none is returned when there is no tree at all. An empty document is a null node.
 * `lines` is false for a source without line numbers, like an override of the command line.
 */
std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& source,
                                   ConfigProblems& problems, bool lines = true);

/** Reads and parses a file of at most 1 MiB whose root must be a map, or a list if `root` says so.
 */
std::optional<YamlNode> read_yaml_file(const std::filesystem::path& file, ConfigProblems& problems,
                                       YamlNode::Kind root = YamlNode::Kind::map);

/** User text inside a one-line message: control characters escaped, cut after 60 bytes. */
std::string excerpt(std::string_view text);

}  // namespace comq
