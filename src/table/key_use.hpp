#pragma once

#include <string>

#include "config/key_info.hpp"

namespace comq {

// Which keys tell the runs of one cell from others, by what a key affects.

/**
 * Whether a key says on which images which network is evaluated; the others say what is done to the
 * network, which its full-precision accuracy does not depend on.
 */
bool describes_full_precision(const KeyInfo& key);

/** Whether two runs that differ in the key are different experiments, which one cell can't hold. */
bool tells_apart(const KeyInfo& key);

/** Whether a cell has one value of the key even if no `set` names it: it says what is done. */
bool always_decides(const KeyInfo& key);

/** Whether a cell has the `value` that a `set` names; `of_time`: it shows how long something took.
 */
bool decides_when_named(const KeyInfo& key, const std::string& value, bool of_time);

}  // namespace comq
