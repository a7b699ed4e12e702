#include "networks/families/position_embedding.hpp"

#include "torch_bridge/torch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

struct PatchGrid {
    int64_t prefix = 1;  ///< tokens in front of the patches'
    int64_t side = 0;    ///< patches; 0: the tensors do not tell
    int64_t patch = 0;   ///< pixels
};

PatchGrid grid_of(const TensorMap& tensors) {
    const auto positions = tensors.find("pos_embed");
    const auto patches = tensors.find("patch_embed.proj.weight");
    if (positions == tensors.end() || positions->second.shape.size() != 3 ||
        patches == tensors.end() || patches->second.shape.size() != 4) {
        return {};
    }
    PatchGrid grid{.prefix = tensors.contains("dist_token") ? 2 : 1,
                   .patch = patches->second.shape[3]};
    const int64_t count = positions->second.shape[1] - grid.prefix;
    const auto side = std::llround(std::sqrt(static_cast<double>(std::max<int64_t>(count, 0))));
    if (side * side == count) grid.side = side;
    return grid;
}

}  // namespace

void read_image_size(const TensorMap& tensors, NetworkSize& size) {
    const PatchGrid grid = grid_of(tensors);
    size.image_size = grid.side * grid.patch;
    size.multiple_of = std::max<int64_t>(grid.patch, 1);
}

std::string resample_positions(TensorMap& tensors, int64_t image_size) {
    const PatchGrid grid = grid_of(tensors);
    COMQ_CHECK(grid.side > 0);
    const int64_t side = image_size / grid.patch;
    const torch::Tensor positions = to_float(tensors.at("pos_embed"));
    const int64_t dim = positions.size(2);
    const torch::Tensor grid_positions = positions.slice(1, grid.prefix)
                                             .reshape({1, grid.side, grid.side, dim})
                                             .permute({0, 3, 1, 2});
    const torch::Tensor resampled =
        at::_upsample_bicubic2d_aa(grid_positions, {side, side}, /*align_corners=*/false)
            .permute({0, 2, 3, 1})
            .reshape({1, side * side, dim});
    tensors["pos_embed"] =
        to_host(torch::cat({positions.slice(1, 0, grid.prefix), resampled}, 1).contiguous());
    return fmt::format("from {} × {} to {} × {} patches", grid.side, grid.side, side, side);
}

}  // namespace comq
