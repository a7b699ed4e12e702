#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/key_info.hpp"
#include "config/problems.hpp"
#include "config/value_types.hpp"
#include "config/yaml_document.hpp"

namespace comq {

/** The keys a document gave, each with the position of its value. */
using GivenKeys = std::map<std::string, YamlPosition>;

/**
 * The keys of a YAML document that is read into a T. One declaration a key, a KeyInfo or a RunKey,
 * gives its checks, its default (the one T{} has), its printed form and its description.
 */
template <typename T, typename Declaration = KeyInfo>
class Schema {
  public:
    struct Key {
        std::function<void(const YamlNode&, const std::string& name, T&, ConfigProblems&)> read;
        std::function<std::string(const T&)> print;
        std::function<std::filesystem::path&(T&)> path;  ///< of keys that are paths, else empty
    };

    /** Declares a key bound to a field: a pointer to a member, or what returns it of an object. */
    template <typename Field, typename V>
    void add(const Declaration& declared, Field field, ValueType<V> type);
    /** Declares the keys of `section` behind "name.", bound to `member`. */
    template <typename Section>
    void add_section(const std::string& name, Section T::*member,
                     const Schema<Section, Declaration>& section);
    /** The same without the keys that `wanted` refuses. */
    Schema only(const std::function<bool(const KeyInfo&)>& wanted) const {
        Schema kept;
        for (const auto& info : infos_) {
            if (wanted(info)) kept.insert(info, *find(info.key));
        }
        return kept;
    }
    /** Lets `change` complete what is known of each key. */
    void describe(const std::function<void(KeyInfo&)>& change) {
        std::ranges::for_each(infos_, change);
    }

    const std::vector<KeyInfo>& keys() const& { return infos_; }
    std::vector<KeyInfo> keys() && { return std::move(infos_); }
    /** The key declared under this name, or nullptr. */
    const Key* find(const std::string& name) const {
        const auto found = keys_.find(name);
        return found == keys_.end() ? nullptr : &found->second;
    }

    /**
     * Sets in `object` what `map` gives, adds these keys to `given`; others stay as they are.
     * Messages put `prefix` before every key.
     */
    void read(const YamlNode& map, T& object, GivenKeys& given, ConfigProblems& problems,
              const std::string& prefix = "") const {
        read_section(map, "", prefix, object, given, problems);
    }

    /** Adds a problem at `position` for each required key that isn't in `given`. */
    void require(const GivenKeys& given, const YamlPosition& position, ConfigProblems& problems,
                 const std::string& prefix = "") const {
        for (const auto& info : infos_) {
            if (info.required && given.count(info.key) == 0) {
                problems.add(position, prefix + info.key,
                             fmt::format("is required: {}", info.type));
            }
        }
    }

    /** The wanted keys as nested YAML, a line each; `comment`, when given, ends every line. */
    std::string print(const T& object, const std::function<bool(const KeyInfo&)>& wanted,
                      const std::function<std::string(const KeyInfo&)>& comment = {}) const {
        NestedYaml yaml;
        for (const auto& info : infos_) {
            if (!wanted(info)) continue;
            yaml.add(info.key, find(info.key)->print(object), comment ? comment(info) : "");
        }
        return yaml.text();
    }

  private:
    void insert(KeyInfo info, Key key);
    /** What is wrong with an unknown key that indentation put there; empty if it isn't that. */
    std::string misplaced_message(const YamlNode& map, const std::string& key,
                                  const std::string& section) const;
    void read_section(const YamlNode& map, const std::string& section, const std::string& prefix,
                      T& object, GivenKeys& given, ConfigProblems& problems) const;

    T default_{};
    std::vector<KeyInfo> infos_;
    std::map<std::string, Key> keys_;
    std::set<std::string> sections_;
};

template <typename T, typename Declaration>
template <typename Field, typename V>
void Schema<T, Declaration>::add(const Declaration& declared, Field field, ValueType<V> type) {
    KeyInfo info = declared;
    info.type = type.description;
    info.form = type.form;
    info.choices = type.choices;
    if (!info.required) info.default_text = type.print(std::invoke(field, default_));
    Key key;
    key.read = [=](const YamlNode& node, const std::string& name, T& object,
                   ConfigProblems& problems) {
        type.read(node, name, std::invoke(field, object), problems);
    };
    key.print = [=](const T& object) { return type.print(std::invoke(field, object)); };
    if constexpr (std::is_same_v<V, std::filesystem::path>) {
        key.path = [=](T& object) -> std::filesystem::path& { return std::invoke(field, object); };
    }
    insert(std::move(info), std::move(key));
}

template <typename T, typename Declaration>
template <typename Section>
void Schema<T, Declaration>::add_section(const std::string& name, Section T::*member,
                                         const Schema<Section, Declaration>& section) {
    for (KeyInfo info : section.keys()) {
        const auto& inner = *section.find(info.key);
        Key key;
        key.read = [=](const YamlNode& node, const std::string& whole, T& object,
                       ConfigProblems& problems) {
            inner.read(node, whole, object.*member, problems);
        };
        key.print = [=](const T& object) { return inner.print(object.*member); };
        if (inner.path) {
            key.path = [=](T& object) -> std::filesystem::path& {
                return inner.path(object.*member);
            };
        }
        info.key = name + "." + info.key;
        insert(std::move(info), std::move(key));
    }
}

template <typename T, typename Declaration>
void Schema<T, Declaration>::insert(KeyInfo info, Key key) {
    for (auto dot = info.key.find('.'); dot != std::string::npos;
         dot = info.key.find('.', dot + 1)) {
        sections_.insert(info.key.substr(0, dot));
    }
    keys_.emplace(info.key, std::move(key));
    infos_.push_back(std::move(info));
}

template <typename T, typename Declaration>
std::string Schema<T, Declaration>::misplaced_message(const YamlNode& map, const std::string& key,
                                                      const std::string& section) const {
    if (!section.empty()) {
        if (sections_.count(key) == 0 && find(key) == nullptr) return "";
        return fmt::format("wrong indentation: '{}' stands at the beginning of a line", key);
    }
    for (const auto& entry : map.entries) {
        const std::string name = entry.key + "." + key;
        if (entry.value.kind != YamlNode::Kind::null || sections_.count(entry.key) == 0) continue;
        if (find(name) == nullptr && sections_.count(name) == 0) continue;
        return fmt::format("wrong indentation: '{}' is indented below '{}'", key, entry.key);
    }
    return "";
}

template <typename T, typename Declaration>
void Schema<T, Declaration>::read_section(const YamlNode& map, const std::string& section,
                                          const std::string& prefix, T& object, GivenKeys& given,
                                          ConfigProblems& problems) const {
    for (const auto& entry : map.entries) {
        const std::string name = section + entry.key;
        const bool dotted = entry.key.find('.') != std::string::npos;
        const Key* key = find(name);
        if (key != nullptr && !dotted) {
            key->read(entry.value, prefix + name, object, problems);
            given.insert_or_assign(name, entry.value.position);
        } else if (dotted && key != nullptr) {
            problems.add(entry.position, prefix + name,
                         "write a dotted key as nested YAML, a level a line");
        } else if (dotted || sections_.count(name) == 0) {
            const std::string misplaced = misplaced_message(map, entry.key, section);
            problems.add(entry.position, prefix + name,
                         misplaced.empty() ? unknown_key_message(name, infos_) : misplaced);
        } else if (entry.value.kind == YamlNode::Kind::map) {
            read_section(entry.value, name + ".", prefix, object, given, problems);
        } else if (entry.value.kind != YamlNode::Kind::null) {
            problems.add(entry.value.position, prefix + name,
                         fmt::format("is a section: expected keys below it, not {}",
                                     entry.value.describe()));
        }
    }
}

/**
 * A map that is read by the schema `item`; `check`, when given, adds problems of it as a whole. It
 * is printed without the keys that have their default.
 */
template <typename Item, typename Declaration>
ValueType<Item> map_of(
    const Schema<Item, Declaration>& item,
    const std::function<void(const Item&, const YamlPosition&, const std::string& name,
                             ConfigProblems&)>& check = {}) {
    const auto read = [=](const YamlNode& node, const std::string& key, Item& value,
                          ConfigProblems& problems) {
        if (node.kind != YamlNode::Kind::map) {
            problems.add(node.position, key,
                         fmt::format("expected a map, not {}", node.describe()));
            return;
        }
        GivenKeys given;
        item.read(node, value, given, problems, key + ".");
        item.require(given, node.position, problems, key + ".");
        if (check) check(value, node.position, key, problems);
    };
    const auto print = [=](const Item& value) {
        std::vector<std::pair<std::string, std::string>> keys;
        for (const auto& info : item.keys()) {
            std::string printed = item.find(info.key)->print(value);
            if (printed != info.default_text) keys.emplace_back(info.key, std::move(printed));
        }
        return flow_map(keys);
    };
    return {"map", read, print, ValueForm::tree, {}};
}

}  // namespace comq
