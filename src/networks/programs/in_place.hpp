#pragma once

#include "networks/programs/graph.hpp"

namespace comq {

/**
 * Replaces operators that write to a value (`relu_`) by those that make a new one (`relu`) where
 * nothing else shows that value's memory, so that what a tap or a caller keeps is never written
 * to; fills in Value::memory and Node::mutated of the others, which work by running in order.
 * Throws InputError for a program that writes to its images or parameters.
 */
void replace_in_place(ProgramGraph& graph);

}  // namespace comq
