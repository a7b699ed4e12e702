#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantization/descent.hpp"
#include "quantization/problem.hpp"
#include "quantization/quantization_config.hpp"
#include "quantization/quantized_weight.hpp"
#include "statistics/statistics.hpp"

namespace comq {

struct Solution {
    QuantizedWeight weight;
    int sweeps = 0;  ///< sweeps over the codes; 0 where the method has none
};

/** What a method is given: one layer or group, the config, and how to descend. */
struct MethodArguments {
    const GroupProblem& problem;  ///< finite, its bits within 2…8
    const QuantizationConfig& config;
    const DescentFunction& descend;  ///< for the methods that descend
};

/** What solving a layer costs: feeds the estimate of --dry-run. */
struct MethodCost {
    /** The Gram, and its copy in fp32. */
    static constexpr double descent_matrices = 1.5;
    /** The Gram, the factor of the damped one, influences and their copy in fp32. */
    static constexpr double look_ahead_matrices = 3.5;

    double sweeps = 1.0;  ///< time in sweeps of coordinate descent; 0: that of quantization.sweeps
    double iteration = 0.0;              ///< further sweeps for each of quantization.iterations
    double matrices = descent_matrices;  ///< m × m in fp64 held at the peak, the Gram among them
};

/**
 * A way to quantize one layer from its Gram, put together from three independent choices: a grid
 * (grid.hpp), a start (start.hpp) and a descent (descent.hpp). It is defined at the end of the
 * method's file and has a line in methods.hpp.
 */
struct MethodEntry {
    std::string name;
    std::string summary;             ///< one line
    std::vector<std::string> reads;  ///< the keys of `quantization` that can change what it finds
    MethodCost cost = {};
    /**
     * Whether it makes up for quantized inputs by itself, from GroupProblem::input_change; others
     * are given a weight that does (propagation.hpp).
     */
    bool follows_output_path = false;
    /** Whether weights are trained: steps along gradients of the layer's error. */
    bool uses_gradients = false;
    /** Throws UsageError for keys that do not go with the method. */
    void (*check)(const QuantizationConfig&) = [](const QuantizationConfig& /*any*/) {};
    /** Whether codes depend on the Gram, and not on the weights alone. */
    bool (*reads_gram)(const QuantizationConfig&) = [](const QuantizationConfig&) { return true; };
    Solution (*solve)(const MethodArguments&);  ///< thread-safe
};

/** A method with the keys of a config. */
class Method {
  public:
    Method(const MethodEntry& entry, const QuantizationConfig& config,
           DescentFunction descend = comq::descend);

    /**
     * Thread-safe. Throws InputError naming the layer when a weight or a Gram entry is NaN or
     * infinite, UsageError when the bits are not within 2…8.
     */
    Solution solve(const GroupProblem& problem) const;
    bool follows_output_path() const { return entry_.follows_output_path; }
    bool uses_gradients() const { return entry_.uses_gradients; }
    double cost_in_sweeps() const;
    double peak_matrices() const;

  private:
    const MethodEntry& entry_;
    QuantizationConfig config_;
    DescentFunction descend_;
};

/**
 * The method that `config` names. Throws UsageError with the nearest name for an unknown one, and
 * what MethodEntry::check throws.
 */
std::unique_ptr<Method> make_method(const QuantizationConfig& config,
                                    const DescentFunction& descend = comq::descend);

/** Solves group `g` of a layer; may add to the problem what is known of that group. */
using GroupSolver = std::function<Solution(GroupProblem& problem, int64_t g)>;

/**
 * A whole layer by `solve`. The groups of a grouped convolution are problems of their own: group g
 * has the g-th run of out/groups output channels and the g-th triangle of the Gram. `weight` is
 * [out, m] with m = inputs of one group (a convolution's weight flattened). Where there is a
 * weighted Gram, it takes the place of the plain one; there may be several for each group, for as
 * many parts of its output channels, and these are then the groups. Groups run in parallel.
 */
Solution solve_by_group(const std::string& layer, MatrixView<const float> weight,
                        const LayerStatistics& statistics, int bits, const GroupSolver& solve);

/**
 * Quantizes a whole layer, group by group. `input_change` has GroupProblem::input_change of each
 * group, or is empty. Throws what Method::solve throws.
 */
Solution solve_layer(const Method& method, const std::string& layer, MatrixView<const float> weight,
                     const LayerStatistics& statistics, int bits,
                     std::span<const Matrix<double>> input_change = {});

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

/**
 * Whether a run with this method reads the key of `quantization`: one of the method, or one of
 * those that choose layers, widths and the method. True for methods that are none of comq's.
 */
bool method_reads(const std::string& method, std::string_view key);

/** Names of the registered methods that read the key of `quantization`, sorted. */
std::vector<std::string> methods_that_read(std::string_view key);

}  // namespace comq
