#pragma once

#include <string>
#include <vector>

#include "points/result_files.hpp"
#include "table/table_spec.hpp"

namespace comq {

/** How a run measured its numbers on a set of images; empty: those of data.evaluation. */
MeasuredSetting setting_of(const ResultFile& file, const std::string& set = {});

/**
 * Why numbers of the two settings are not comparable, a reason each, for a reader who knows the
 * second; what one of them leaves open is no reason.
 */
std::vector<std::string> reasons_against(const MeasuredSetting& here,
                                         const MeasuredSetting& reference);

}  // namespace comq
