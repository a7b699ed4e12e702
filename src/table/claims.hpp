#pragma once

#include <vector>

#include "points/result_files.hpp"
#include "table/cell_plan.hpp"

namespace comq {

/**
 * The runs of one cell, by seed: one for each, or more where a time was measured repeatedly.
 * Throws InputError naming two files that differ by more than their seed.
 */
std::vector<const ResultFile*> claims_of(const CellPlan& plan,
                                         const std::vector<ResultFile>& results);

}  // namespace comq
