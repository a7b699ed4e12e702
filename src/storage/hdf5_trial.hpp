#pragma once

#include <functional>

namespace comq {

/**
 * Whether `read` ends without a crash in a child process, which throws its results away: HDF5
 * crashes on some damaged files. Errors that it throws are no crash. True where there can be no
 * child.
 */
bool survives_trial(const std::function<void()>& read);

}  // namespace comq
