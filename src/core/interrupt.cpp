#include "core/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace comq {

namespace {

std::atomic<bool> requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch such");

void on_signal(int signal) {
    if (requested.exchange(true) && signal == SIGINT) {
        std::signal(SIGINT, SIG_DFL);
        std::raise(SIGINT);
    }
}

}  // namespace

void catch_interrupts() {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1}) {
        struct sigaction action {};
        const bool by_nohup = signal == SIGHUP && sigaction(signal, nullptr, &action) == 0 &&
                              action.sa_handler == SIG_IGN;
        if (by_nohup) continue;
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        sigaction(signal, &action, nullptr);
    }
}

const std::atomic<bool>& interrupt_requested() { return requested; }

}  // namespace comq
