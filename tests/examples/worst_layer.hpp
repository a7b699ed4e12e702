#pragma once

#include "results/figures.hpp"

namespace comq {

extern const Figure worst_layer_figure;

}  // namespace comq
