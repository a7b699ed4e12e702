#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace comq::bench {

/**
 * Images a second of evaluating networks, decoding included. `networks` is the folder of
 * export_programs.py: random weights in NAME.safetensors.
 */
void measure_forwards(bool quick, const std::filesystem::path& networks,
                      nlohmann::ordered_json& figures);

}  // namespace comq::bench
