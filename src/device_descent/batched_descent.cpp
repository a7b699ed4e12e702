#include "device_descent/batched_descent.hpp"

#include <algorithm>
#include <vector>

#include "core/check.hpp"
#include "quantization/order.hpp"

namespace comq {

namespace {

// Coordinates of a block: the product at its end costs n·m², whatever its size, while the Grams of
// its coordinates take n·block² numbers.
constexpr int64_t block_size = 64;

// Each coordinate costs a few launches, whatever the number of channels: the groups of a depthwise
// convolution are settled on the CPU before the first of them returns.
constexpr int64_t least_batched_weights = 64 * 64;

torch::Tensor on_device(const torch::Tensor& values, torch::Device device) {
    return values.to(device, torch::kDouble);
}

torch::Tensor column_of(const Grid& grid, torch::Device device, bool zero_points) {
    const auto n = static_cast<int64_t>(grid.scale.size());
    const auto values = torch::empty({n, 1}, torch::kDouble);
    for (int64_t j = 0; j < n; ++j) {
        const ChannelLevels levels = grid.levels(j);
        values[j][0] = zero_points ? levels.zero_point() : static_cast<double>(levels.scale());
    }
    return values.to(device);
}

/** [n, m], the coordinates of each channel in the order of its visits. */
torch::Tensor orders_of(const GroupProblem& problem, Order order, torch::Device device) {
    const int64_t n = problem.out_features();
    const int64_t m = problem.in_features();
    const auto visits = torch::empty({n, m}, torch::kInt);
    const std::vector<float> norm = order_norms(problem);
    for (int64_t j = 0; j < n; ++j) {
        std::ranges::copy(channel_order(order, problem, norm, j),
                          visits.data_ptr<int32_t>() + j * m);
    }
    return visits.to(device, torch::kLong);
}

/** The numbers of one layer during descent; rows are channels. */
class BatchedDescent {
  public:
    BatchedDescent(const GroupProblem& problem, const Grid& grid, const DescentOptions& options,
                   torch::Device device)
        : options_(options),
          top_code_(grid.top_code()),
          gram_(on_device(from_view(problem.gram, torch::kDouble), device)),
          weight_(on_device(from_view(problem.weight, torch::kFloat), device)),
          scale_(column_of(grid, device, false)),
          zero_point_(column_of(grid, device, true)),
          order_(orders_of(problem, options.order, device)),
          gradient_(torch::mm(weight_, gram_)) {
        const auto diagonal = gram_.diagonal().clamp_min(0.0);
        inverse_diagonal_ =
            torch::where(diagonal > 0, diagonal.reciprocal(), torch::zeros_like(diagonal));
    }

    DescentResult run(const Grid& grid, const Start& start) {
        const int64_t n = weight_.size(0);
        auto active = torch::ones({n, 1}, weight_.options().dtype(torch::kBool));
        code_ = start.is_float() ? torch::zeros_like(weight_) : codes_of(start);
        auto value = start.is_float() ? weight_ : values(code_);
        torch::Tensor least;  // eᵀHe of what is kept, [n, 1]
        int sweeps = 0;
        for (; sweeps < options_.sweeps; ++sweeps) {
            const bool is_first = sweeps == 0;
            const auto before_code = code_.clone();
            const auto before_scale = scale_.clone();
            const auto before_zero_point = zero_point_.clone();
            sweep(value);
            const auto alive = inverse_diagonal_ > 0;
            auto moved = is_first && start.is_float()
                             ? torch::ones_like(active)
                             : (code_ != before_code).logical_and(alive).any(1, true);
            if (options_.scale_update == ScaleUpdate::closed_form) {
                update_scales(is_first ? torch::ones_like(moved) : moved);
            }
            // Codes that fit the scale they began with may not fit its minimiser.
            if (is_first) {
                moved = moved.logical_or(scale_ != before_scale)
                            .logical_or(zero_point_ != before_zero_point);
            }
            auto error = squared_error();
            auto keep = active;
            if (options_.undo_worse_sweeps && !is_first) {
                const bool shared = shares_scale();
                const auto worse =
                    shared ? (error.sum() > least.sum()).expand({n, 1}) : error > least;
                keep = active.logical_and(worse.logical_not());
            }
            if (!is_first) {
                code_ = torch::where(keep, code_, before_code);
                scale_ = torch::where(keep, scale_, before_scale);
                zero_point_ = torch::where(keep, zero_point_, before_zero_point);
                error = torch::where(keep, error, least);
            }
            least = error;
            value = values(code_);
            active = shares_scale() ? keep.logical_and(moved.any().expand({n, 1}))
                                    : keep.logical_and(moved);
            if (!active.any().item<bool>()) {
                ++sweeps;
                break;
            }
        }
        return result(grid, sweeps, least);
    }

  private:
    template <typename T>
    static torch::Tensor from_view(const MatrixView<const T>& view, torch::ScalarType type) {
        return torch::from_blob(const_cast<T*>(view.data), {view.rows, view.cols}, {view.stride, 1},
                                type);
    }

    bool shares_scale() const {
        return options_.scale_update == ScaleUpdate::closed_form &&
               options_.granularity == Granularity::per_layer;
    }

    torch::Tensor codes_of(const Start& start) const {
        const MatrixView<const uint8_t> view = start.bit_code.view();
        return from_view(view, torch::kByte).to(weight_.device(), torch::kDouble);
    }

    torch::Tensor values(const torch::Tensor& code) const { return scale_ * (code + zero_point_); }

    /** The code nearest to a value; of ties the even whole multiple of δ. */
    torch::Tensor nearest_code(const torch::Tensor& value) const {
        const auto whole_zero = zero_point_.floor();
        const auto multiple = value / scale_ - (zero_point_ - whole_zero);
        return torch::minimum(torch::maximum(multiple, whole_zero), whole_zero + top_code_)
                   .round() -
               whole_zero;
    }

    /** One visit of every coordinate of every channel, from the values wq [n, m] on. */
    void sweep(torch::Tensor value) {
        auto residual = gradient_ - torch::mm(value, gram_);
        const int64_t m = weight_.size(1);
        for (int64_t first = 0; first < m; first += block_size) {
            const auto block = order_.narrow(1, first, std::min(block_size, m - first));
            const auto change = settle_block(block, value, residual);
            const auto moves = torch::zeros_like(value).scatter_(1, block, change);
            value = value + moves;
            residual = residual - torch::mm(moves, gram_);
        }
    }

    /** Gives the coordinates `block` [n, B] their codes; returns how far they moved. */
    torch::Tensor settle_block(const torch::Tensor& block, const torch::Tensor& value,
                               const torch::Tensor& residual) {
        const int64_t count = block.size(1);
        const auto grams = gram_.index({block.unsqueeze(2), block.unsqueeze(1)});  // [n, B, B]
        const auto inverse = inverse_diagonal_.index({block});
        const auto old_value = value.gather(1, block);
        const auto weight = weight_.gather(1, block);
        auto open = residual.gather(1, block);
        auto new_code = torch::empty_like(old_value);
        auto change = torch::empty_like(old_value);
        for (int64_t s = 0; s < count; ++s) {
            const auto alive = inverse.narrow(1, s, 1) > 0;
            const auto old = old_value.narrow(1, s, 1);
            const auto target =
                torch::where(alive, old + open.narrow(1, s, 1) * inverse.narrow(1, s, 1),
                             weight.narrow(1, s, 1));
            const auto code = nearest_code(target);
            const auto step = scale_ * (code + zero_point_) - old;
            new_code.narrow(1, s, 1).copy_(code);
            change.narrow(1, s, 1).copy_(step);
            open = open - step * grams.select(1, s);
        }
        code_ = code_.scatter(1, block, new_code);
        return change;
    }

    /** δ = cᵀHw / cᵀHc with c = q + z, where `wanted` and the quotient is positive. */
    void update_scales(const torch::Tensor& wanted) {
        const auto multiple = code_ + zero_point_;
        const auto product = torch::mm(multiple, gram_);
        auto numerator = (multiple * gradient_).sum(1, true);
        auto denominator = (multiple * product).sum(1, true);
        if (shares_scale()) {
            numerator = numerator.sum().expand_as(scale_);
            denominator = denominator.sum().expand_as(scale_);
        }
        // Scales are stored as fp32, so that is what is optimised.
        const auto minimiser = (numerator / denominator).to(torch::kFloat).to(torch::kDouble);
        const auto good = torch::isfinite(minimiser).logical_and(minimiser > 0);
        const auto chosen = shares_scale() ? good : good.logical_and(wanted);
        if (!options_.fit_zero_points || shares_scale()) {
            scale_ = torch::where(chosen, minimiser, scale_);
            return;
        }
        // δ and z at once, as minimise_scale_and_zero_point of quantization/channel_state.cpp.
        const auto ones = gram_.sum();
        const auto product_sum = product.sum(1, true);
        const auto gradient_sum = gradient_.sum(1, true);
        const auto determinant = denominator * ones - product_sum * product_sum;
        const auto scale = ((numerator * ones - gradient_sum * product_sum) / determinant)
                               .to(torch::kFloat)
                               .to(torch::kDouble);
        const auto shift = (gradient_sum * denominator - numerator * product_sum) / determinant;
        const auto zero_point = (zero_point_ + shift / scale).to(torch::kFloat).to(torch::kDouble);
        const auto solved = (determinant > 1e-9 * denominator * ones)
                                .logical_and(torch::isfinite(scale))
                                .logical_and(scale > 0)
                                .logical_and(torch::isfinite(zero_point));
        const auto both = solved.logical_and(wanted);
        scale_ = torch::where(both, scale, torch::where(chosen, minimiser, scale_));
        zero_point_ = torch::where(both, zero_point, zero_point_);
    }

    torch::Tensor squared_error() const {
        const auto open = weight_ - values(code_);
        return (open * torch::mm(open, gram_)).sum(1, true).clamp_min(0.0);
    }

    DescentResult result(const Grid& grid, int sweeps, const torch::Tensor& squared) const {
        const int64_t n = weight_.size(0);
        const int64_t m = weight_.size(1);
        // What a dead input is rounded to is decided by the last scale.
        const auto code = torch::where(inverse_diagonal_ > 0, code_, nearest_code(weight_))
                              .to(torch::kCPU, torch::kByte)
                              .contiguous();
        const auto scale = scale_.to(torch::kCPU, torch::kFloat).contiguous();
        const auto zero_point = zero_point_.to(torch::kCPU, torch::kFloat).contiguous();
        const auto error = squared.to(torch::kCPU).contiguous();
        Grid fitted = grid;
        std::copy_n(scale.data_ptr<float>(), n, fitted.scale.begin());
        std::copy_n(zero_point.data_ptr<float>(), n, fitted.zero_point.begin());
        Matrix<uint8_t> bit_code(n, m);
        std::copy_n(code.data_ptr<uint8_t>(), n * m, bit_code.data());
        const double* errors = error.data_ptr<double>();
        return {on_grid(std::move(bit_code), fitted), sweeps, {errors, errors + n}};
    }

    const DescentOptions& options_;
    double top_code_;
    torch::Tensor gram_;              ///< [m, m]
    torch::Tensor weight_;            ///< [n, m]
    torch::Tensor scale_;             ///< [n, 1]
    torch::Tensor zero_point_;        ///< [n, 1]
    torch::Tensor order_;             ///< [n, m]
    torch::Tensor gradient_;          ///< Hw, [n, m]
    torch::Tensor inverse_diagonal_;  ///< 1/H_ii, 0 for a dead input, [m]
    torch::Tensor code_;              ///< [n, m]
};

}  // namespace

bool can_batch(const Grid& grid, const DescentOptions& options) {
    return grid.groups == 1 && options.pair_sweeps == 0 &&
           (options.order == Order::cyclic || options.order == Order::greedy);
}

DescentResult batched_descend(const GroupProblem& problem, const Grid& grid, const Start& start,
                              const DescentOptions& options, torch::Device device) {
    COMQ_CHECK(can_batch(grid, options));
    const torch::InferenceMode inference;
    return BatchedDescent(problem, grid, options, device).run(grid, start);
}

DescentFunction descent_on(torch::Device device) {
    if (device.is_cpu()) return descend;
    return [device](const GroupProblem& problem, const Grid& grid, const Start& start,
                    const DescentOptions& options) {
        const bool large = problem.out_features() * problem.in_features() >= least_batched_weights;
        return large && can_batch(grid, options)
                   ? batched_descend(problem, grid, start, options, device)
                   : descend(problem, grid, start, options);
    };
}

}  // namespace comq
