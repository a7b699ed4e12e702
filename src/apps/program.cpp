#include "apps/program.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/errors.hpp"
#include "core/terminal.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "storage/output_file.hpp"

namespace comq {

namespace {

const char* colour_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::warn:
            return "\x1b[33m\x1b[1m";
        case spdlog::level::err:
        case spdlog::level::critical:
            return "\x1b[31m\x1b[1m";
        default:
            return "\x1b[32m";
    }
}

/** Log lines above a progress bar; coloured on a terminal unless NO_COLOR is set (no-color.org). */
class InformSink final : public spdlog::sinks::base_sink<std::mutex> {
    void sink_it_(const spdlog::details::log_msg& message) override {
        const auto level = spdlog::level::to_string_view(message.level);
        const auto text =
            without_control_characters({message.payload.data(), message.payload.size()});
        inform(coloured_ ? fmt::format("{}{}\x1b[m: {}\n", colour_of(message.level), level, text)
                         : fmt::format("{}: {}\n", level, text));
    }
    void flush_() override {}

    bool coloured_ = error_is_terminal() && std::getenv("NO_COLOR") == nullptr;
};

/**
 * An error without words is that of a rank beside one that says it. Of what libraries say the first
 * line counts; LibTorch adds a stack trace.
 */
int report(ExitCode code, std::string_view message) {
    if (!message.empty()) {
        inform(fmt::format("error: {}\n", without_control_characters(message)));
    }
    return static_cast<int>(code);
}

constexpr const char* no_memory =
    "out of memory (end other programs, or raise the limit: ulimit -v)";

std::terminate_handler default_terminate = nullptr;

/** Libraries take memory while they are initialised, where nobody can catch what they throw. */
void on_terminate() {
    try {
        if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
        write_to_standard_error("error: ");
        write_to_standard_error(no_memory);
        write_to_standard_error("\n");
        ::_exit(static_cast<int>(ExitCode::failure));
    } catch (...) {
        // Not ours to explain.
    }
    default_terminate();
}

/**
 * Where address space is limited, starts the program anew with one thread of OpenBLAS, which OpenCV
 * brings along: each of its threads asks for 128 MB until it is given them, the end of the program
 * waiting for it. A library reads its environment before anything of ours could change it.
 */
void keep_openblas_to_one_thread(char** argv, char** environment) {
    constexpr std::string_view variable = "OPENBLAS_NUM_THREADS=";
    rlimit limit{};
    if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    std::array<char*, 4096> words{};
    std::size_t count = 0;
    for (; environment[count] != nullptr; ++count) {
        if (count + 2 == words.size()) return;
        if (std::string_view(environment[count]).starts_with(variable)) return;
        words[count] = environment[count];
    }
    static char one_thread[] = "OPENBLAS_NUM_THREADS=1";
    words[count] = one_thread;
    ::execve("/proc/self/exe", argv, words.data());
}

/**
 * Runs before any library is initialised: some open files, and oneMKL ends the program in words of
 * its own where the working directory was deleted.
 */
void run_before_libraries(int /*argc*/, char** argv, char** environment) {
    keep_openblas_to_one_thread(argv, environment);
    prepare_standard_streams();
    default_terminate = std::set_terminate(on_terminate);
    std::array<char, PATH_MAX> folder{};
    if (::getcwd(folder.data(), folder.size()) != nullptr || errno != ENOENT) return;
    write_to_standard_error(
        "error: the working directory was deleted (change to one that is there)\n");
    ::_exit(static_cast<int>(ExitCode::usage));
}

[[gnu::section(".preinit_array"),
  gnu::used]] void (*const before_libraries)(int, char**, char**) = run_before_libraries;

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

int guarded(const std::function<int()>& body) {
    try {
        return body();
    } catch (const Error& error) {
        return report(error.exit_code(), error.what());
    } catch (const std::bad_alloc&) {
        return report(ExitCode::failure, no_memory);
    } catch (const std::filesystem::filesystem_error& error) {
        const std::string place = error.path1().empty() ? "a folder" : error.path1().string();
        return report(ExitCode::failure,
                      fmt::format("{}: {} (check the disk, or choose another folder)", place,
                                  error.code().message()));
    } catch (const std::exception& error) {
        if (dynamic_cast<const std::system_error*>(&error) != nullptr) end_where_nobody_reads();
        return report(ExitCode::failure, first_line(error.what()));
    }
}

}  // namespace

Program::Program(const std::string& name, const std::string& description, const std::string& footer)
    : app_(description, name) {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("comq", std::make_shared<InformSink>()));
    app_.set_version_flag("--version", fmt::format("{} {}", name, version_line()));
    app_.footer(footer);
}

void Program::offer_output_file() {
    app_.add_option("-o,--output", output_, "file to write instead of the standard output");
}

void Program::offer_json() {
    app_.add_flag("--json", json_, "print JSON, for programs, and nothing else");
}

void Program::offer_keys(std::function<std::vector<KeyInfo>()> keys) {
    vocabulary_.keys = std::move(keys);
}

void Program::offer_shipped_files(const std::string& folder) { vocabulary_.folder = folder; }

void Program::print(std::string_view text) {
    if (output_.empty()) {
        std::fwrite(text.data(), 1, text.size(), stdout);
    } else {
        text_ += text;
        write_output_text(output_, text_);
    }
}

void Program::parse(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const auto behind = [&](const std::string& argument) -> std::string {
        const auto found = std::ranges::find(arguments, argument);
        return arguments.end() - found > 1 ? *(found + 1) : "";
    };
    for (const auto& argument : arguments) {
        if (!hides_key(argument, vocabulary_)) continue;
        throw UsageError("{}", unknown_option(app_, vocabulary_, argument, behind(argument)));
    }
    try {
        app_.parse(argc, argv);
    } catch (const CLI::ExtrasError&) {
        const auto unknown = app_.remaining();
        if (unknown.empty() || !unknown.front().starts_with("-")) throw;
        throw UsageError(
            "{}", unknown_option(app_, vocabulary_, unknown.front(), behind(unknown.front())));
    }
}

int Program::run(int argc, char** argv, const std::function<void()>& body) {
    const int code = guarded([&] {
        if (argc > 2 && std::string_view(argv[1]) == "--complete") {
            for (const auto& word :
                 completions(app_, vocabulary_, argv[2], argc > 3 ? argv[3] : "")) {
                fmt::print("{}\n", word);
            }
            return static_cast<int>(ExitCode::done);
        }
        try {
            parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return app_.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
        }
        body();
        return static_cast<int>(ExitCode::done);
    });
    // Also after an error: what was printed before it may matter.
    const int flushed = guarded([] {
        flush_standard_output();
        return static_cast<int>(ExitCode::done);
    });
    return code != 0 ? code : flushed;
}

}  // namespace comq
