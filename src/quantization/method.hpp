#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "quantization/descent.hpp"
#include "quantization/problem.hpp"
#include "quantization/quantization_config.hpp"
#include "quantization/quantized_weight.hpp"

namespace comq {

struct Solution {
    QuantizedWeight weight;
    int sweeps = 0;  ///< sweeps over the codes; 0 where the method has none
};

/**
 * A way to quantize one layer from its statistics. A method is put together from four independent
 * choices: the statistics it reads, a grid (grid.hpp), a start (start.hpp) and a descent
 * (descent.hpp). A new one is a file with a factory and a line in method.cpp.
 */
class Method {
  public:
    /** The Gram, and its copy in fp32. */
    static constexpr double descent_matrices = 1.5;
    /** The Gram, the factor of the damped one, influences and their copy in fp32. */
    static constexpr double look_ahead_matrices = 3.5;

    virtual ~Method() = default;
    /** Names of statistics/statistics.hpp, which the problem then holds. */
    virtual std::vector<std::string> required_statistics() const = 0;
    /**
     * Whether the method makes up for quantized inputs by itself, from GroupProblem::input_change;
     * others are given a weight that does (propagation.hpp).
     */
    virtual bool follows_output_path() const { return false; }
    /** What solving costs, in sweeps of coordinate descent; feeds the estimate of --dry-run. */
    virtual double cost_in_sweeps() const { return 1.0; }
    /**
     * How many m × m matrices in fp64 solving holds at its peak, the Gram among them; feeds the
     * estimate of --dry-run.
     */
    virtual double peak_matrices() const { return descent_matrices; }
    /** Thread-safe. Throws what check_problem throws. */
    virtual Solution solve(const GroupProblem& problem) const = 0;
};

/**
 * `descent` is how the methods that descend do it. Throws UsageError with the nearest name for an
 * unknown method.
 */
std::unique_ptr<Method> make_method(const QuantizationConfig& config,
                                    const DescentFunction& descent = descend);

/**
 * Whether a layer's codes depend on the rows that its calibration images give; a method that only
 * rounds reads the weights alone, unless its grid is searched or its bits are measured. True for
 * the methods that are none of comq's.
 */
bool codes_depend_on_rows(const QuantizationConfig& config);

/** Names of the registered methods, sorted. */
std::vector<std::string> method_names();

/** One line on what the method does; throws like make_method. */
std::string_view method_summary(const std::string& name);

}  // namespace comq
