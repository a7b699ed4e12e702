#pragma once

#include <string>
#include <vector>

#include "config/schema.hpp"
#include "data/data_config.hpp"

namespace comq {

/** The keys of the section `data`; `layouts` are the names a layout may have, any if empty. */
Schema<DataConfig, RunKey> data_keys(const std::vector<std::string>& layouts);

}  // namespace comq
