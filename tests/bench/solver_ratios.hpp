#pragma once

#include <nlohmann/json_fwd.hpp>

namespace comq::bench {

/**
 * Gram and solver against the algorithm on explicit rows, the Gram's rate against SGEMM's, the
 * solver on one and two threads, and a whole ViT-B. Prints a table and adds its figures to
 * `figures`; `quick` does a fraction of the work.
 */
void measure_solver(bool quick, nlohmann::ordered_json& figures);

}  // namespace comq::bench
