#include "experiment/probe.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <unordered_map>
#include <unordered_set>

#include "core/errors.hpp"
#include "experiment/setup.hpp"
#include "quantization/method.hpp"
#include "torch_bridge/runtime.hpp"

namespace comq {

namespace {

using Clock = std::chrono::steady_clock;

// Multiply-adds a second of coordinate descent on one thread, seen on 2020s server cores. It only
// feeds the estimate of --dry-run.
constexpr double assumed_descent_rate = 4e9;

/** Counts the rows that one image gives to each layer, and sees which are in residual sums. */
class RowCounter : public StreamTap {
  public:
    torch::Tensor on_input(const Observable& observed, const torch::Tensor& input) override {
        if (const auto* layer = observed.layer()) rows_[layer] += layer->rows(input).size(1);
        return input;
    }
    void on_sum(const Observable& observed, const ResidualSum& /*sum*/) override {
        in_sums_.insert(observed.layer());
    }
    bool in_sum(const QuantizableLayer& layer) const { return in_sums_.contains(&layer); }
    int64_t rows(const QuantizableLayer& layer) const {
        const auto found = rows_.find(&layer);
        return found == rows_.end() ? 0 : found->second;
    }

  private:
    std::unordered_map<const QuantizableLayer*, int64_t> rows_;
    std::unordered_set<const QuantizableLayer*> in_sums_;
};

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

double measure_product_rate() {
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

/** What `open` opens; 0, with a warning, what is not there. */
template <typename Open>
int64_t count_images(const Open& open) {
    try {
        return std::ssize(open());
    } catch (const Error& missing) {
        spdlog::warn("{}", missing.what());
        return 0;
    }
}

/** Rows of layers and sizes of activations, from one image. */
void walk_through(Probe& probe, torch::Tensor activation) {
    RowCounter counter;
    for (std::size_t step = 0; step < probe.network->steps(); ++step) {
        probe.largest_step_input = std::max(probe.largest_step_input, activation.numel());
        activation = probe.network->run_steps(activation, step, step + 1, &counter);
    }
    for (const auto& planned : probe.plan.layers) {
        probe.rows.push_back(counter.rows(*planned.entry.layer));
        probe.in_sums.push_back(counter.in_sum(*planned.entry.layer));
    }
}

}  // namespace

int64_t Probe::all_evaluation_images() const {
    int64_t images = evaluation_images;
    for (const auto& [name, count] : sets) images += count;
    return images;
}

double Probe::gram_seconds() const {
    double multiply_adds = 0.0;
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const QuantizableLayer& layer = *plan.layers[i].entry.layer;
        const auto m = static_cast<double>(layer.in_features());
        multiply_adds += static_cast<double>(layer.groups() * rows[i]) * m * (m + 1) / 2;
    }
    return multiply_adds / product_rate / threads;
}

double Probe::solve_seconds() const {
    double squares = 0.0;
    for (const auto& planned : plan.layers) {
        const auto m = static_cast<double>(planned.entry.layer->in_features());
        squares += m * m * static_cast<double>(planned.entry.layer->out_features());
    }
    if (squares == 0.0) return 0.0;
    const double sweeps = make_method(config.quantization)->cost_in_sweeps();
    return squares * sweeps / assumed_descent_rate / threads;
}

double Probe::solver_matrices() const { return make_method(config.quantization)->peak_matrices(); }

int64_t Probe::parameter_bytes() const {
    int64_t bytes = 0;
    for (const auto& [name, tensor] : network->state_dict()) {
        bytes += tensor.numel() * tensor.element_size();
    }
    return bytes;
}

int64_t Probe::activation_bytes() const {
    int64_t largest = 0;
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const QuantizableLayer& layer = *plan.layers[i].entry.layer;
        largest = std::max(largest, layer.groups() * rows[i] * layer.in_features());
    }
    constexpr auto float_bytes = static_cast<int64_t>(sizeof(float));
    return 4 * float_bytes * largest * config.calibration.batch_size * threads;
}

Probe probe_run(const ExperimentConfig& config) {
    const torch::InferenceMode inference;
    Probe probe;
    probe.config = config;
    probe.threads = resolved_threads(config.resources);
    set_torch_threads(probe.threads);
    probe.model = describe_model(config.model);
    probe.network = probe.model->make();
    probe.classes = probe.model->classes;
    if (config.quantizes_weights()) {
        probe.plan = plan_layers(*probe.network, config.quantization);
    }
    const int64_t side = probe.model->preprocessing.crop;
    const auto image = torch::zeros({1, 3, side, side});
    walk_through(probe, image);
    const auto batch = image.expand({config.calibration.batch_size, -1, -1, -1}).contiguous();
    const auto start = Clock::now();
    probe.network->forward(batch);
    probe.forward_seconds =
        seconds_since(start) / static_cast<double>(config.calibration.batch_size);
    probe.product_rate = measure_product_rate();
    ExperimentConfig without_sets = config;
    without_sets.evaluation.sets.clear();
    probe.evaluation_images = count_images([&] { return open_images(without_sets).evaluation; });
    for (const EvaluationSet& set : config.evaluation.sets) {
        probe.sets.emplace_back(set.name, count_images([&] { return open_set(set).indices; }));
    }
    probe.program_bytes = std::max(resident_bytes() - probe.parameter_bytes(), int64_t{0});
    return probe;
}

}  // namespace comq
