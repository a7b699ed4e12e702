#include "networks/observable.hpp"

namespace comq {

namespace {

thread_local Tap* tap_of_this_thread = nullptr;

/** Leaves a forward pass, from inside a layer or norm, for the run_with_tap that began it. */
struct TapIsDone {};

void leave_if_done() {
    if (tap_of_this_thread->done()) throw TapIsDone();
}

}  // namespace

int64_t Observable::channel_axis() const {
    switch (kind()) {
        case ObservableKind::convolution:
        case ObservableKind::batch_norm:
        case ObservableKind::group_norm:
            return 1;
        case ObservableKind::linear:
        case ObservableKind::layer_norm:
        case ObservableKind::rms_norm:
            break;
    }
    return -1;
}

bool Observable::is_tapped() { return tap_of_this_thread != nullptr; }

torch::Tensor Observable::tapped_input(const torch::Tensor& input) const {
    if (tap_of_this_thread == nullptr) return input;
    auto used = tap_of_this_thread->on_input(*this, input);
    leave_if_done();
    return used;
}

torch::Tensor Observable::tapped_output(torch::Tensor output) const {
    if (tap_of_this_thread == nullptr) return output;
    tap_of_this_thread->on_output(*this, output);
    leave_if_done();
    return output;
}

void Observable::joins(const std::function<ResidualSum()>& sum) const {
    if (!sums_are_wanted()) return;
    tap_of_this_thread->on_sum(*this, sum());
    leave_if_done();
}

bool Observable::sums_are_wanted() {
    return dynamic_cast<const StreamTap*>(tap_of_this_thread) != nullptr;
}

bool run_with_tap(Tap* tap, const std::function<void()>& body) {
    struct Scope {
        Tap* previous;
        ~Scope() { tap_of_this_thread = previous; }
    } const scope{std::exchange(tap_of_this_thread, tap)};
    try {
        body();
    } catch (const TapIsDone&) {
        return false;
    }
    return true;
}

}  // namespace comq
