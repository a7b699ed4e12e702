#pragma once

#include <cstddef>
#include <functional>

namespace comq {

/**
 * Calls `visit(i)` for every i < count, at most `at_once` at a time and begun in order: for items
 * that are parallel within themselves but for some of their work, which hides behind the next item.
 * After an exception no further item begins, those that run are finished, and the first exception
 * is thrown again.
 */
void visit_in_flight(std::size_t count, int at_once, const std::function<void(std::size_t)>& visit);

}  // namespace comq
