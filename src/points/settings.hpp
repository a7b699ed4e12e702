#pragma once

#include <string>
#include <vector>

#include "config/config_values.hpp"
#include "config/value_types.hpp"
#include "config/yaml_document.hpp"

namespace comq {

/** A dotted key of an experiment with what a sweep or a table says about it. */
using Setting = YamlNode::Entry;

/** A scalar that is written nowhere. */
Setting setting_of(const std::string& key, const std::string& value);

/** The document {a: {b: c}} of "a.b". */
YamlNode document_of(const Setting& setting);

/** "a.b=c", as a command line takes it. */
std::string override_of(const Setting& setting);

/** Lays `more` over `map`, key by key; the keys of `map` are dotted then. */
void lay_over(YamlNode& map, const YamlNode& more);

/**
 * YAML of this kind that is understood later, when it is known what its keys mean. A map that is
 * given again is laid over the first.
 */
ValueType<YamlNode> tree(YamlNode::Kind kind, std::string description);

}  // namespace comq
