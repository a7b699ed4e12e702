#pragma once

#include <string>
#include <vector>

#include "config/config_values.hpp"
#include "config/value_types.hpp"
#include "points/point.hpp"

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

/** Settings that belong together: one choice of an axis. */
using Choice = std::vector<Setting>;
/** What varies together; each point has one choice of every axis. */
using Axis = std::vector<Choice>;

/** What is to become of a set's config: settings that all points share, and what varies. */
struct Variation {
    std::vector<Setting> shared;
    std::vector<Axis> axes;  ///< the choices of the last one change fastest
};

/**
 * Fills in the points of a set, each with its config checked, and the keys that they vary. Later
 * settings win: the config, what is shared, the point. Throws one UsageError with a line for
 * everything that is wrong.
 */
PointSet expand(PointSet set, const Variation& variation, const LoadOptions& options);

}  // namespace comq
