#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "page/thumbnails.hpp"
#include "results/run_record.hpp"

namespace comq {

/** Quantiles of the divergences of images: {"share": […], "kl": […]}; null where there are none. */
nlohmann::ordered_json divergence_quantiles(const Evaluations& of);

/**
 * Images that the two networks put into different classes: how many, how many of them became right
 * or wrong, and the `most` with the largest divergence as columns. `thumbnails`, which may be null,
 * gets their images. Null where the images of both networks are not the same.
 */
nlohmann::ordered_json flipped_images(const Evaluations& of, std::size_t most,
                                      Thumbnails* thumbnails);

}  // namespace comq
