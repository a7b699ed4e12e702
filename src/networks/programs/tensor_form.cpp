#include "networks/programs/tensor_form.hpp"

#include <algorithm>
#include <utility>

namespace comq {

TensorForm TensorForm::map_of_height_1() {
    TensorForm form;
    form.kind_ = Kind::map_of_height_1;
    return form;
}

TensorForm TensorForm::rows(std::vector<int64_t> axes, int64_t rows) {
    TensorForm form;
    const bool one_channel_axis = std::ssize(axes) == rows + 1;
    if (one_channel_axis && std::ranges::is_sorted(axes)) return form;
    form.kind_ = Kind::rows;
    form.axes_ = std::move(axes);
    form.rows_ = rows;
    return form;
}

torch::Tensor TensorForm::shown(const torch::Tensor& tensor) const {
    if (kind_ == Kind::as_it_is) return tensor;
    if (kind_ == Kind::map_of_height_1) return tensor.unsqueeze(2);
    const auto ordered = tensor.permute(axes_);
    return ordered.dim() == rows_ ? ordered.unsqueeze(-1) : ordered.flatten(rows_);
}

torch::Tensor TensorForm::hidden(const torch::Tensor& shown, torch::IntArrayRef sizes) const {
    if (kind_ == Kind::as_it_is) return shown;
    if (kind_ == Kind::map_of_height_1) return shown.squeeze(2);
    std::vector<int64_t> ordered, back(axes_.size());
    for (std::size_t i = 0; i < axes_.size(); ++i) {
        ordered.push_back(sizes[static_cast<std::size_t>(axes_[i])]);
        back[static_cast<std::size_t>(axes_[i])] = static_cast<int64_t>(i);
    }
    return shown.reshape(ordered).permute(back);
}

torch::Tensor Place::get(const torch::jit::Stack& stack) const {
    const c10::IValue& value = stack.at(argument);
    return item ? value.toTensorVector().at(*item) : value.toTensor();
}

void Place::set(torch::jit::Stack& stack, torch::Tensor tensor) const {
    if (!item) {
        stack.at(argument) = std::move(tensor);
        return;
    }
    auto items = stack.at(argument).toTensorVector();
    items.at(*item) = std::move(tensor);
    stack.at(argument) = std::move(items);
}

}  // namespace comq
