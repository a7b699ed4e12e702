#pragma once

#include <optional>
#include <string>

namespace comq {

struct SbatchAnswer {
    std::optional<std::string> job;  ///< its id, where sbatch took it
    int exit_code = 0;               ///< 127: there is no sbatch
    std::string words;               ///< all it said
};

/** Calls sbatch with `arguments` as a shell reads them, the script last. */
SbatchAnswer run_sbatch(const std::string& arguments);

}  // namespace comq
