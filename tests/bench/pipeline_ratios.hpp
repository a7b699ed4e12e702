#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace comq::bench {

/**
 * Whole runs of DeiT-Tiny: calibration and solving against the floor that the machine's rates of
 * products, element-wise passes and decoding allow, growth with images and threads, peak memory,
 * images a second of evaluation. `programs` is the folder of run_experiment. Prints a table and
 * adds its figures to `figures`.
 */
void measure_pipeline(bool quick, const std::filesystem::path& programs,
                      nlohmann::ordered_json& figures);

}  // namespace comq::bench
