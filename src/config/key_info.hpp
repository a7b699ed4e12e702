#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/affects.hpp"

namespace comq {

/** How the value of a key is written. */
enum class ValueForm {
    scalar,  ///< a number, a switch, a size
    name,    ///< one of `choices`, or a name of which no list is at hand
    text,    ///< a path or another text of any characters
    tree,    ///< a list or a map
};

/** What is known of a key apart from the field it is bound to. */
struct KeyInfo {
    std::string key;                        ///< dotted: "quantization.bits"
    std::string meaning;                    ///< sentences
    std::string unit = {};                  ///< empty: none
    bool required = false;                  ///< has no default
    Affects affects = Affects::none();      ///< of keys of a run
    std::vector<std::string> read_by = {};  ///< methods that read it, where not all do
    std::string type = {};               ///< with its range or choices; taken from the value type
    std::string default_text = {};       ///< YAML; taken from a default-constructed object
    ValueForm form = ValueForm::scalar;  ///< taken from the value type
    std::vector<std::string> choices = {};  ///< all values, where they are names; likewise
};

/** The declaration of a key of a run: one that does not say what it affects does not compile. */
struct RunKey {
    std::string key;
    Affects affects;
    std::string meaning;
    std::string unit = {};
    bool required = false;

    operator KeyInfo() const {
        return {
            .key = key, .meaning = meaning, .unit = unit, .required = required, .affects = affects};
    }
};

/** The key a user who wrote `key` most likely meant; its last part alone may be right. */
std::string nearest_key(std::string_view key, const std::vector<KeyInfo>& known);
/** The `most` nearest ones, nearest first. */
std::vector<std::string> nearest_keys(std::string_view key, const std::vector<KeyInfo>& known,
                                      std::size_t most);

/** "unknown key (nearest known: 'a.b')". */
std::string unknown_key_message(std::string_view key, const std::vector<KeyInfo>& known);

/** Lays "a.b", "value" pairs out as nested YAML; keys of one section follow one another. */
class NestedYaml {
  public:
    void add(std::string_view key, std::string_view value, std::string_view comment = {});
    const std::string& text() const { return text_; }

  private:
    std::vector<std::string> sections_;  ///< the sections that the next line may continue
    std::string text_;
};

}  // namespace comq
