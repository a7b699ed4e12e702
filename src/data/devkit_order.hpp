#pragma once

#include <cstdint>

namespace comq {

constexpr int64_t devkit_classes = 1000;

/**
 * The class index of a network (position of the wnid among the sorted ones, from 0) of class `id`
 * of the ILSVRC2012 development kit (from 1), whose validation ground truth counts in an order of
 * its own: 1 is n02119789 (kit fox), index 278. 1 ≤ id ≤ 1000.
 */
int64_t label_of_devkit_id(int64_t id);

}  // namespace comq
