#include "quantization/channel_descent.hpp"

#include <algorithm>

#include "quantization/order.hpp"

namespace comq {
namespace {

/** H·v for a symmetric H. */
std::vector<double> gram_times(MatrixView<const double> gram, const std::vector<double>& v) {
    std::vector<double> product(v.size(), 0.0);
    for (int64_t i = 0; i < gram.rows; ++i) {
        const double* row = gram.row(i);
        for (int64_t j = 0; j < gram.cols; ++j) product[j] += row[j] * v[i];
    }
    return product;
}

}  // namespace

DescentContext::DescentContext(const GroupProblem& problem_, const DescentOptions& options_)
    : problem(problem_), options(options_), order_norm(order_norms(problem_)) {
    for (int64_t i = 0; i < problem.in_features(); ++i) {
        const double diagonal = problem.gram(i, i);
        inverse_diagonal.push_back(diagonal > 0 ? 1.0 / diagonal : 0.0);
    }
}

ChannelDescent::ChannelDescent(const DescentContext& context, const Grid& grid, const Start& start,
                               int64_t channel)
    : context_(context),
      weight_(context.problem.weight.row(channel)),
      levels_(grid.levels(channel)),
      scale_(grid.scale[channel]),
      zero_point_(grid.zero_point[channel]),
      top_code_(grid.top_code()),
      off_grid_(start.is_float()) {
    const int64_t m = context.problem.in_features();
    order_.resize(m);
    if (context.options.order == Order::cyclic) {
        cyclic_order(order_);
    } else {
        greedy_order(context.order_norm, {weight_, static_cast<std::size_t>(m)}, order_);
    }
    code_.assign(m, 0);
    residual_gradient_.assign(m, 0.0);
    if (!off_grid_) {
        std::copy_n(start.bit_code.row(channel), m, code_.begin());
        std::vector<double> residual(m);
        for (int64_t i = 0; i < m; ++i) residual[i] = weight_[i] - value(i);
        residual_gradient_ = gram_times(context.problem.gram, residual);
    }
    if (context.options.scale_update != ScaleUpdate::none) {
        weight_gradient_ = gram_times(context.problem.gram, {weight_, weight_ + m});
    }
}

int64_t ChannelDescent::sweep() {
    const int64_t m = context_.problem.in_features();
    int64_t moves = 0;
    for (const int32_t i : order_) {
        const double old_value = value(i);
        const int code =
            levels_.nearest(old_value + residual_gradient_[i] * context_.inverse_diagonal[i]);
        if (!off_grid_ && code == code_[i]) continue;
        const double step = levels_.level(code) - old_value;
        code_[i] = static_cast<uint8_t>(code);
        const double* row = context_.problem.gram.row(i);
        for (int64_t j = 0; j < m; ++j) residual_gradient_[j] -= row[j] * step;
        ++moves;
    }
    off_grid_ = false;
    return moves;
}

double ChannelDescent::squared_error() const {
    double sum = 0;
    for (std::size_t i = 0; i < code_.size(); ++i) {
        sum += (weight_[i] - value(i)) * residual_gradient_[i];
    }
    return std::max(sum, 0.0);
}

ScaleSums ChannelDescent::scale_sums() const {
    double numerator = 0;
    double correction = 0;
    for (std::size_t i = 0; i < code_.size(); ++i) {
        const double c = code_[i] + levels_.zero_point();
        numerator += c * weight_gradient_[i];
        correction += c * residual_gradient_[i];
    }
    return {numerator, numerator - correction};
}

void ChannelDescent::set_scale(float scale) {
    const double ratio = static_cast<double>(scale) / static_cast<double>(scale_);
    for (std::size_t i = 0; i < code_.size(); ++i) {
        // r = Hw − δ·Hc, and Hc does not change.
        residual_gradient_[i] = ratio * residual_gradient_[i] + (1.0 - ratio) * weight_gradient_[i];
    }
    scale_ = scale;
    levels_ = ChannelLevels(scale_, zero_point_, top_code_);
}

void ChannelDescent::save() {
    saved_code_ = code_;
    saved_scale_ = scale_;
}

void ChannelDescent::restore() {
    code_ = saved_code_;
    scale_ = saved_scale_;
    levels_ = ChannelLevels(scale_, zero_point_, top_code_);
}

void ChannelDescent::write_codes(uint8_t* bit_code) const {
    for (std::size_t i = 0; i < code_.size(); ++i) {
        bit_code[i] = context_.inverse_diagonal[i] > 0
                          ? code_[i]
                          : static_cast<uint8_t>(levels_.nearest(weight_[i]));
    }
}

}  // namespace comq
