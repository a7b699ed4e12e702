#include "quantization/explicit_reference.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.hpp"

namespace comq::test {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

Vector column(const Matrix<double>& inputs, int64_t i) {
    Vector values;
    for (int64_t t = 0; t < inputs.rows(); ++t) values.push_back(inputs(t, i));
    return values;
}

Vector times(const Matrix<double>& inputs, const Vector& v) {
    Vector product(inputs.rows(), 0.0);
    for (int64_t t = 0; t < inputs.rows(); ++t) {
        for (int64_t i = 0; i < inputs.cols(); ++i) product[t] += inputs(t, i) * v[i];
    }
    return product;
}

/** One output channel: float weights, values now, codes. */
struct Channel {
    Vector weight, value;
    std::vector<int> code;
    float scale, zero_point;
    std::vector<int> order;

    Vector shifted_code() const {
        Vector c;
        for (const int q : code) c.push_back(q + zero_point);
        return c;
    }
    Vector residual() const {
        Vector e;
        for (std::size_t i = 0; i < weight.size(); ++i) e.push_back(weight[i] - value[i]);
        return e;
    }
    void set_scale(float new_scale) {
        scale = new_scale;
        for (std::size_t i = 0; i < value.size(); ++i) {
            value[i] = double{scale} * (code[i] + double{zero_point});
        }
    }
};

void sweep(const Matrix<double>& inputs, int top_code, Channel& channel) {
    Vector error = times(inputs, channel.residual());
    for (const int i : channel.order) {
        const Vector x = column(inputs, i);
        const double target = channel.value[i] + dot(x, error) / dot(x, x);
        int best = 0;
        double best_value = 0;
        double best_distance = INFINITY;
        for (int q = 0; q <= top_code; ++q) {
            const double level = double{channel.scale} * (q + double{channel.zero_point});
            if (std::fabs(level - target) < best_distance) {
                best_distance = std::fabs(level - target);
                best = q;
                best_value = level;
            }
        }
        for (std::size_t t = 0; t < error.size(); ++t) {
            error[t] -= x[t] * (best_value - channel.value[i]);
        }
        channel.code[i] = best;
        channel.value[i] = best_value;
    }
}

}  // namespace

GroupProblem ExplicitLayer::problem(int bits) const {
    GroupProblem problem;
    problem.layer = "blocks.0.fc1";
    problem.bits = bits;
    problem.weight = weight.view();
    problem.gram = gram.view();
    return problem;
}

Matrix<double> gram_of(const Matrix<double>& inputs) {
    const int64_t m = inputs.cols();
    Matrix<double> gram(m, m);
    for (int64_t t = 0; t < inputs.rows(); ++t) {
        for (int64_t i = 0; i < m; ++i) {
            for (int64_t j = 0; j < m; ++j) gram(i, j) += inputs(t, i) * inputs(t, j);
        }
    }
    return gram;
}

double sum(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
}

PackedTriangle packed(MatrixView<const double> gram) {
    PackedTriangle triangle(gram.rows);
    for (int64_t i = 0; i < gram.rows; ++i) std::copy_n(gram.row(i), i + 1, triangle.row(i));
    return triangle;
}

LayerError group_error(MatrixView<const double> gram, MatrixView<const float> weight,
                       const QuantizedWeight& quantized) {
    return measure_error({packed(gram)}, weight, quantized);
}

ExplicitLayer random_layer(uint64_t seed, int64_t rows, int64_t in_features, int64_t out_features) {
    const RandomStream stream(seed, "random layer");
    ExplicitLayer layer{
        Matrix<double>(rows, in_features), {}, Matrix<float>(out_features, in_features)};
    const RandomStream noise = stream.child("rows");
    for (int64_t t = 0; t < rows; ++t) {
        const double shared = noise.normal(t * (in_features + 1));
        for (int64_t i = 0; i < in_features; ++i) {
            const double own = noise.normal(t * (in_features + 1) + 1 + i);
            // Rounded to fp32, as activations are.
            layer.inputs(t, i) = static_cast<float>((0.3 + (i % 7) * 0.4) * (own + 0.8 * shared));
        }
    }
    const RandomStream weights = stream.child("weight");
    for (int64_t j = 0; j < out_features; ++j) {
        for (int64_t i = 0; i < in_features; ++i) {
            layer.weight(j, i) = static_cast<float>(0.1 * weights.normal(j * in_features + i));
        }
    }
    layer.gram = gram_of(layer.inputs);
    return layer;
}

Vector explicit_squared_error(const ExplicitLayer& layer, const Matrix<float>& quantized) {
    Vector energies;
    for (int64_t j = 0; j < quantized.rows(); ++j) {
        Vector difference;
        for (int64_t i = 0; i < quantized.cols(); ++i) {
            difference.push_back(double{layer.weight(j, i)} - double{quantized(j, i)});
        }
        const Vector error = times(layer.inputs, difference);
        energies.push_back(dot(error, error));
    }
    return energies;
}

ExplicitSolution explicit_comq(const ExplicitLayer& layer, const Grid& grid, Order order,
                               int sweeps, ScaleUpdate scale_update, Granularity granularity) {
    const int64_t m = layer.weight.cols();
    const int64_t n = layer.weight.rows();
    std::vector<Channel> channels;
    for (int64_t j = 0; j < n; ++j) {
        Channel channel;
        channel.weight.assign(layer.weight.row(j), layer.weight.row(j) + m);
        channel.value = channel.weight;
        channel.code.assign(m, 0);
        channel.scale = grid.scale[j];
        channel.zero_point = grid.zero_point[j];
        channel.order.resize(m);
        std::iota(channel.order.begin(), channel.order.end(), 0);
        if (order == Order::greedy) {
            std::stable_sort(channel.order.begin(), channel.order.end(), [&](int a, int b) {
                const auto key = [&](int i) {
                    return static_cast<float>(std::sqrt(layer.gram(i, i))) *
                           std::fabs(layer.weight(j, i));
                };
                return key(a) > key(b);
            });
        }
        channels.push_back(std::move(channel));
    }

    const auto squared_error = [&](const Channel& channel) {
        const Vector error = times(layer.inputs, channel.residual());
        return dot(error, error);
    };
    const auto run_sweep = [&](std::vector<Channel>& group) {
        double numerator = 0;
        double denominator = 0;
        for (Channel& channel : group) {
            sweep(layer.inputs, grid.top_code(), channel);
            const Vector code_output = times(layer.inputs, channel.shifted_code());
            numerator += dot(code_output, times(layer.inputs, channel.weight));
            denominator += dot(code_output, code_output);
        }
        if (scale_update == ScaleUpdate::none) return;
        for (Channel& channel : group) {
            channel.set_scale(static_cast<float>(numerator / denominator));
        }
    };
    const auto run_sweeps = [&](std::vector<Channel>& group) {
        double error = INFINITY;
        for (int k = 0; k < sweeps; ++k) {
            const std::vector<Channel> before = group;
            run_sweep(group);
            double new_error = 0;
            for (const Channel& channel : group) new_error += squared_error(channel);
            if (scale_update == ScaleUpdate::closed_form && k > 0 && new_error > error) {
                group = before;
                return;
            }
            error = new_error;
        }
    };
    if (granularity == Granularity::per_layer) {
        run_sweeps(channels);
    } else {
        for (Channel& channel : channels) {
            std::vector<Channel> one{channel};
            run_sweeps(one);
            channel = one.front();
        }
    }

    ExplicitSolution solution{Matrix<uint8_t>(n, m), {}, {}};
    for (int64_t j = 0; j < n; ++j) {
        std::copy(channels[j].code.begin(), channels[j].code.end(), solution.bit_code.row(j));
        solution.scale.push_back(channels[j].scale);
        solution.squared_error.push_back(squared_error(channels[j]));
    }
    return solution;
}

}  // namespace comq::test
