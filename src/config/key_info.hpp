#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace comq {

/** What another value of a key changes by itself, not by way of what comes after. */
enum class Effect : unsigned {
    full_precision = 1,           ///< predictions of the full-precision network
    calibration_images = 1 << 1,  ///< which there are, and how they are presented
    evaluation_images = 1 << 2,   ///< likewise
    statistics = 1 << 3,          ///< what the rows of a layer are summed into
    solution = 1 << 4,            ///< codes and scales found from the statistics
    repair = 1 << 5,              ///< what is mended beside the codes
    evaluation = 1 << 6,          ///< predictions of the quantized network
    resource = 1 << 7,            ///< how, and whether, the run is carried out; no number
    location = 1 << 8,  ///< where something lies: what it holds has the other effects, not its path
};

/**
 * The effects of a key: `statistics | solution`. Identities, caches and tables ask them, so a key
 * of a run must say them: there is no empty set but none(), for keys that are no run's.
 */
class Affects {
  public:
    constexpr Affects(Effect effect) : bits_(static_cast<unsigned>(effect)) {}
    static constexpr Affects none() { return Affects(0U); }

    constexpr Affects operator|(Affects other) const { return Affects(bits_ | other.bits_); }
    constexpr bool has(Effect effect) const { return (bits_ & static_cast<unsigned>(effect)) != 0; }
    bool has_any(Affects others) const { return (bits_ & others.bits_) != 0; }
    /** Whether the value itself is part of a run's identity. */
    constexpr bool numbers() const {
        return bits_ != 0 && !has(Effect::resource) && !has(Effect::location);
    }
    /** {"statistics", "solution"}. */
    std::vector<std::string> names() const;

  private:
    constexpr explicit Affects(unsigned bits) : bits_(bits) {}

    unsigned bits_;
};

constexpr Affects operator|(Effect a, Effect b) { return Affects(a) | b; }

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
    std::string first_default = {};         ///< YAML, where the default was another once

    /** The value that identities leave out: what a result is called does not change with defaults.
     */
    const std::string& unsaid() const {
        return first_default.empty() ? default_text : first_default;
    }
};

/** The declaration of a key of a run: one that does not say what it affects does not compile. */
struct RunKey {
    std::string key;
    Affects affects;
    std::string meaning;
    std::string unit = {};
    bool required = false;
    std::string first_default = {};

    operator KeyInfo() const {
        return {.key = key,
                .meaning = meaning,
                .unit = unit,
                .required = required,
                .affects = affects,
                .first_default = first_default};
    }
};

/** The key a user who wrote `key` most likely meant; its last part alone may be right. */
std::string nearest_key(std::string_view key, const std::vector<KeyInfo>& known);
/** The `most` nearest ones, nearest first. */
std::vector<std::string> nearest_keys(std::string_view key, const std::vector<KeyInfo>& known,
                                      std::size_t most);

/** "unknown key (nearest known: 'a.b')". */
std::string unknown_key_message(std::string_view key, const std::vector<KeyInfo>& known);

/** "a.b", "value" pairs as a map in YAML's flow style; keys of one section follow one another. */
std::string flow_map(std::span<const std::pair<std::string, std::string>> keys);

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
