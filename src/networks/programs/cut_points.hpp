#pragma once

#include <utility>
#include <vector>

#include "networks/programs/graph.hpp"

namespace comq {

/** A node that runs, and the values that nothing asks for after it. */
struct Step {
    std::size_t node;
    std::vector<ValueId> freed;
};

/** What runs between two cut points. */
struct Stretch {
    ValueId input;
    ValueId output;
    std::vector<Step> steps;  ///< with what depends on no image, again in each that needs it
    std::size_t end;          ///< it ends before this node
};

/** What decides between cut points; one entry a node. */
struct CutWishes {
    std::vector<bool> layer;   ///< each stretch has one
    std::vector<bool> starts;  ///< a layer or norm that begins something: the last cut before it
    /** First and last of nodes that stay in one stretch. */
    std::vector<std::pair<std::size_t, std::size_t>> together;
};

/** Whether each value depends on the images, not only on how many they are. */
std::vector<bool> values_of_images(const ProgramGraph& graph);

/**
 * The graph in stretches that begin and end where one tensor of the images, an entry for each of
 * them, is all that crosses.
 */
std::vector<Stretch> cut_into_stretches(const ProgramGraph& graph, const CutWishes& wishes);

}  // namespace comq
