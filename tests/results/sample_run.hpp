#pragma once

#include "results/run_record.hpp"

namespace comq::test {

/**
 * A small run with every field set to a value of its own: two layers (one with held-out error and
 * grouped scales), five images, one changed parameter. The same at every call.
 */
RunRecord sample_run();

/** The same, evaluated on two further sets. */
RunRecord sample_run_with_sets();

/** Fails the test unless both hold the same, NaN counting as equal to NaN. */
void check_equal(const RunRecord& a, const RunRecord& b);
void check_equal(const LayerRecord& a, const LayerRecord& b);
void check_equal(const HostTensor& a, const HostTensor& b);

}  // namespace comq::test
