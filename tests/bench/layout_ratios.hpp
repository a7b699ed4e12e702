#pragma once

#include <nlohmann/json_fwd.hpp>

namespace comq::bench {

/** Reading, decoding and preprocessing the development photos from shards against from folders. */
void measure_layouts(bool quick, nlohmann::ordered_json& figures);

}  // namespace comq::bench
