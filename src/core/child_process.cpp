#include "core/child_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "core/errors.hpp"
#include "core/file_descriptor.hpp"

namespace comq {

namespace {

constexpr int could_not_start = 127;

/** Between fork and exec only what is safe in a signal handler may be called. */
[[noreturn]] void become(char* const* arguments, char* const* environment, int log, pid_t launcher,
                         const sigset_t& signals) {
    // A handler of the launcher's would take what is meant for the program.
    for (const int number : {SIGINT, SIGTERM, SIGUSR1}) ::signal(number, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &signals, nullptr);
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != launcher) ::_exit(could_not_start);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execvpe(arguments[0], arguments, environment);
    constexpr char message[] = "error: the program can't be started\n";
    if (::write(STDERR_FILENO, message, sizeof message - 1) < 0) ::_exit(could_not_start);
    ::_exit(could_not_start);
}

}  // namespace

bool announces_ranks(std::string_view variable) {
    const std::string_view name = variable.substr(0, variable.find('='));
    for (const char* prefix : {"PMI_", "PMI2_", "PMIX_", "OMPI_COMM_WORLD_"}) {
        if (name.starts_with(prefix)) return true;
    }
    return name == "SLURM_STEP_ID" || name == "SLURM_PROCID" || name == "SLURM_STEP_NUM_TASKS";
}

ChildProcess::ChildProcess(const std::vector<std::string>& command,
                           const std::filesystem::path& log, Log mode) {
    const int begin = mode == Log::appended ? O_APPEND : O_TRUNC;
    const FileDescriptor out(
        ::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | begin, 0666));
    if (!out) throw Failure("{}: can't be written: {}", log.string(), system_message());
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::vector<char*> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        if (!announces_ranks(*variable)) environment.push_back(*variable);
    }
    environment.push_back(nullptr);
    const pid_t launcher = ::getpid();
    sigset_t all, signals;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &signals);
    pid_ = ::fork();
    if (pid_ == 0) become(arguments.data(), environment.data(), out.get(), launcher, signals);
    ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
    if (pid_ < 0) throw Failure("{}: can't be started: {}", command.front(), system_message());
}

ChildProcess::~ChildProcess() {
    if (ended()) return;
    signal(SIGTERM);
    wait();
}

void ChildProcess::signal(int number) {
    if (!ended()) ::kill(pid_, number);
}

std::optional<int> ChildProcess::ended() { return exit_code_ ? exit_code_ : reap(WNOHANG); }

int ChildProcess::wait() { return exit_code_ ? *exit_code_ : reap(0).value_or(-1); }

std::optional<int> ChildProcess::reap(int options) {
    int status = 0;
    pid_t reaped = 0;
    do {
        reaped = ::waitpid(pid_, &status, options);
    } while (reaped < 0 && errno == EINTR);
    if (reaped == pid_) {
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return exit_code_;
}

ShellResult run_shell(const std::string& command) {
    ShellResult result;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return result;
    std::array<char, 65536> buffer{};
    while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) {
        result.output.append(buffer.data(), count);
    }
    const int status = pclose(pipe);
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    return result;
}

std::string shell_quoted(std::string_view word) {
    constexpr std::string_view harmless =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
    if (!word.empty() && word.find_first_not_of(harmless) == std::string_view::npos) {
        return std::string(word);
    }
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
    return quoted + "'";
}

}  // namespace comq
