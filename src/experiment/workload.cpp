#include "experiment/workload.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <numeric>
#include <unordered_map>

#include "calibration/collect.hpp"
#include "calibration/gram_collector.hpp"
#include "experiment/bit_stage.hpp"
#include "networks/norms.hpp"
#include "quantization/choices.hpp"
#include "quantization/method.hpp"
#include "quantization/propagation.hpp"

namespace comq {

namespace {

using Clock = std::chrono::steady_clock;

// Multiply-adds a second of coordinate descent on one thread, seen on 2020s server cores. It only
// feeds the estimate of --dry-run.
constexpr double assumed_descent_rate = 4e9;

/** Counts the rows that one image gives to each layer. */
class RowCounter : public Tap {
  public:
    torch::Tensor on_input(const QuantizableLayer& layer, const torch::Tensor& input) override {
        rows_[&layer] += layer.rows(input).size(1);
        return input;
    }
    int64_t rows(const QuantizableLayer& layer) const {
        const auto found = rows_.find(&layer);
        return found == rows_.end() ? 0 : found->second;
    }

  private:
    std::unordered_map<const QuantizableLayer*, int64_t> rows_;
};

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/** fp32 multiply-adds a second of a matrix product on one thread. */
double product_rate() {
    constexpr int64_t size = 512;
    const auto a = torch::ones({size, size});
    auto product = torch::mm(a, a);
    const auto start = Clock::now();
    constexpr int repeats = 4;
    for (int i = 0; i < repeats; ++i) torch::mm_out(product, a, a);
    return repeats * static_cast<double>(size * size * size) / seconds_since(start);
}

/** Of this process; 0 where the system does not tell. */
int64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    int64_t size = 0, resident = 0;
    return statm >> size >> resident ? resident * sysconf(_SC_PAGESIZE) : 0;
}

int64_t parameter_bytes(const Network& network) {
    int64_t bytes = 0;
    for (const auto& [name, tensor] : network.state_dict()) {
        bytes += tensor.numel() * tensor.element_size();
    }
    return bytes;
}

/** Forward and backward pass, in forward passes. */
constexpr double gradient_pass = 3.0;

/** Of at most four steps: half and whole, of the shift alone and with the factor. */
constexpr double trials_of_a_refit = 3.0;

/**
 * Both networks go through a block once for each of its `modules` that is looked at and once more
 * to leave it; blocks count as equally long.
 */
double two_networks_forwards(const Network& network, int64_t modules) {
    const auto blocks = static_cast<double>(network.blocks().size());
    return 2.0 * (static_cast<double>(modules) + blocks) / blocks;
}

/** Of the candidates of each layer, whose held-out images go through the rest of the network. */
double choice_forwards(const ExperimentConfig& config, const LayerPlan& plan) {
    const auto& calibration = config.calibration;
    if (calibration.inputs != CalibrationInputs::quantized || calibration.propagation ||
        calibration.propagation_criterion != PropagationCriterion::logits) {
        return 0.0;
    }
    return 0.5 * static_cast<double>(std::size(propagation_strengths)) *
           static_cast<double>(plan.layers.size()) * static_cast<double>(calibration.holdout);
}

int64_t norm_count(const Network& network) {
    const auto modules = network.modules(/*include_self=*/false);
    return std::ranges::count_if(modules, [](const auto& module) {
        return dynamic_cast<const BatchNorm2dImpl*>(module.get()) != nullptr ||
               dynamic_cast<const LayerNormImpl*>(module.get()) != nullptr;
    });
}

double repair_forwards(const Network& network, const LayerPlan& plan,
                       const ExperimentConfig& config) {
    const auto& repair = config.repair;
    const auto images = static_cast<double>(repair.images.value_or(config.calibration.images));
    double forwards = 0.0;
    if (repair.bias_correction) forwards += images;
    if (repair.reestimate_batch_norm) forwards += images;
    if (repair.norm_tuning != NormTuning::none) {
        forwards += images * static_cast<double>(repair.epochs) * (1.0 + gradient_pass);
    }
    int64_t refits = repair.output_refit ? std::ssize(plan.layers) : 0;
    if (repair.norm_refit) refits += norm_count(network);
    if (refits > 0) {
        forwards += images * two_networks_forwards(network, refits);
        forwards += 0.5 * trials_of_a_refit * static_cast<double>(refits) *
                    static_cast<double>(config.calibration.holdout);
    }
    return forwards;
}

/** How often the layers are solved: for each strength or width that could be chosen, and at last.
 */
double solutions_of_a_layer(const ExperimentConfig& config) {
    const auto& calibration = config.calibration;
    if (calibration.inputs == CalibrationInputs::quantized) {
        return calibration.propagation ? 1.0
                                       : static_cast<double>(std::size(propagation_strengths));
    }
    return config.quantization.average_bits ? 1.0 + std::size(measured_bits) : 1.0;
}

/** Floats of the largest input of a block, for one image. */
int64_t largest_block_input(const Network& network, torch::Tensor activation) {
    int64_t largest = 0;
    for (const auto& block : network.blocks()) {
        largest = std::max(largest, activation.numel());
        activation = block.forward(activation);
    }
    return largest;
}

/** While one layer after the other is summed with and without quantized inputs, and solved. */
double propagation_bytes(const LayerPlan& plan, const CalibrationConfig& calibration,
                         double solver_matrices) {
    double most = 0.0;
    for (const auto& planned : plan.layers) {
        const auto gram = static_cast<double>(gram_bytes(*planned.entry.layer));
        const double finished = 2.5;  // the triangles of order 2m and m, in sums of order m
        const double held_out = calibration.holdout > 0 ? finished : 0.0;
        const double solving = finished + held_out + std::max(2.0, solver_matrices);
        most = std::max(most, gram * std::max(4.0 + held_out, solving));
    }
    return most;
}

/** While a group of layers is summed, and some of them are solved from what has been summed. */
double statistics_bytes(const std::vector<std::vector<Network::LayerEntry>>& groups,
                        const CalibrationConfig& calibration, double solver_matrices, int threads) {
    double most = 0.0;
    for (const auto& group : groups) {
        double summing = 0.0, summed = 0.0;
        std::vector<double> solving;
        for (const auto& entry : group) {
            const auto gram = static_cast<double>(gram_bytes(*entry.layer));
            const double finished = 0.5 * (1 + further_passes(calibration)) * gram;
            summing += finished + 0.5 * gram;
            summed += finished;
            const auto at_once =
                static_cast<double>(std::min<int64_t>(entry.layer->groups(), threads));
            solving.push_back(gram / static_cast<double>(entry.layer->groups()) * at_once *
                              solver_matrices);
        }
        std::ranges::sort(solving, std::greater());
        solving.resize(
            std::min(solving.size(), static_cast<std::size_t>(layers_solved_at_once(threads))));
        most =
            std::max(most, std::max(summing, std::reduce(solving.begin(), solving.end(), summed)));
    }
    return most;
}

}  // namespace

int further_passes(const CalibrationConfig& config) {
    return (config.weighting != Weighting::none ? 1 : 0) + (config.holdout > 0 ? 1 : 0);
}

int layers_solved_at_once(int threads) { return std::min(threads, 4); }

Workload measure_workload(const Network& network, const LayerPlan& plan,
                          const Preprocessing& preprocessing, const ExperimentConfig& config,
                          int threads) {
    const torch::InferenceMode inference;
    const auto image = torch::zeros({1, 3, preprocessing.crop, preprocessing.crop});
    RowCounter counter;
    {
        const TapScope scope(&counter);
        network.forward(image);
    }
    Workload workload;
    const auto batch = image.expand({config.calibration.batch_size, -1, -1, -1}).contiguous();
    const auto start = Clock::now();
    network.forward(batch);
    workload.forward_seconds_per_image =
        seconds_since(start) / static_cast<double>(config.calibration.batch_size);

    const double rate = product_rate();
    const auto method = config.quantizes_weights() ? make_method(config.quantization) : nullptr;
    const double sweeps =
        method != nullptr ? solutions_of_a_layer(config) * method->cost_in_sweeps() : 0.0;
    int64_t activation_bytes = 0;
    for (const auto& planned : plan.layers) {
        const QuantizableLayer& layer = *planned.entry.layer;
        const auto m = static_cast<double>(layer.in_features());
        const auto n = static_cast<double>(layer.out_features());
        const auto groups = static_cast<double>(layer.groups());
        LayerWorkload cost;
        cost.rows_per_image = counter.rows(layer);
        const auto rows = static_cast<double>(cost.rows_per_image);
        cost.multiply_adds = rows * m * n;
        cost.gram_multiply_adds = groups * rows * m * (m + 1) / 2;
        workload.gram_seconds_per_image += cost.gram_multiply_adds / rate;
        workload.solve_seconds += m * m * n * sweeps / assumed_descent_rate;
        workload.gram_bytes += gram_bytes(layer);
        workload.disk_bytes += 2 * layer.weight().numel();
        activation_bytes = std::max(activation_bytes,
                                    layer.groups() * cost.rows_per_image * layer.in_features() * 4);
        workload.layers.push_back(cost);
    }
    const auto& calibration = config.calibration;
    double layer_bytes = 0.0;
    const double solver_matrices = method != nullptr ? method->peak_matrices() : 0.0;
    const double forwards_of_gradients =
        calibration.weighting == Weighting::none ? 0.0 : gradient_pass;
    if (calibration.inputs == CalibrationInputs::quantized) {
        workload.calibration_forwards =
            two_networks_forwards(network, std::ssize(plan.layers)) + forwards_of_gradients;
        workload.gram_seconds_per_image *= 4.0;  // of rows twice as long
        workload.gram_bytes = 0;                 // of one layer at a time
        for (const auto& planned : plan.layers) {
            workload.gram_bytes =
                std::max(workload.gram_bytes, 4 * gram_bytes(*planned.entry.layer));
        }
        layer_bytes = propagation_bytes(plan, calibration, solver_matrices);
        workload.disk_bytes += 2 * static_cast<int64_t>(sizeof(float)) *
                               largest_block_input(network, image) *
                               (calibration.images + calibration.holdout);
        if (calibration.weighting != Weighting::none) {
            for (std::size_t i = 0; i < plan.layers.size(); ++i) {
                workload.disk_bytes += static_cast<int64_t>(sizeof(float)) * calibration.images *
                                       plan.layers[i].entry.layer->groups() *
                                       workload.layers[i].rows_per_image;
            }
        }
    } else {
        const auto groups = group_by_memory(plan.entries(), config.resources.memory_bytes,
                                            further_passes(calibration));
        layer_bytes = statistics_bytes(groups, calibration, solver_matrices, threads);
        workload.forward_passes = static_cast<int64_t>(groups.size());
        workload.calibration_forwards =
            static_cast<double>(workload.forward_passes) * (1.0 + forwards_of_gradients);
    }
    workload.program_bytes = std::max(resident_bytes() - parameter_bytes(network), int64_t{0});
    workload.choice_forwards = choice_forwards(config, plan);
    workload.repair_forwards = repair_forwards(network, plan, config);
    workload.peak_bytes = parameter_bytes(network) * 2 + static_cast<int64_t>(layer_bytes) +
                          4 * activation_bytes * calibration.batch_size * threads;
    return workload;
}

}  // namespace comq
