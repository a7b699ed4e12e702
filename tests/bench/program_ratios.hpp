#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace comq::bench {

/**
 * Networks as programs against the same networks as families: seconds of calibration and of
 * evaluation, from runs in turn. `archives` has what export_programs.py wrote. Prints a table and
 * adds its figures to `figures`.
 */
void measure_programs(bool quick, const std::filesystem::path& archives,
                      nlohmann::ordered_json& figures);

}  // namespace comq::bench
