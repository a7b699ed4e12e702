#pragma once

#include <string>
#include <vector>

namespace comq {

/** The 1,000 classes of ILSVRC-2012 by wnid, sorted: the order of published networks' logits. */
std::vector<std::string> imagenet_synsets();

}  // namespace comq
