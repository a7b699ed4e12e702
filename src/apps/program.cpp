#include "apps/program.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>

#include "core/errors.hpp"
#include "core/standard_streams.hpp"
#include "core/version.hpp"
#include "storage/atomic_file.hpp"

namespace comq {

namespace {

/** Log lines go to the standard error as "warning: …", coloured on a terminal. */
void log_to_stderr() {
    spdlog::set_default_logger(spdlog::stderr_color_mt("comq"));
    spdlog::set_pattern("%^%l%$: %v");
}

/** An error without words is that of a rank beside one that says it. */
int report(ExitCode code, const char* message) {
    if (*message != '\0') inform(fmt::format("error: {}\n", message));
    return static_cast<int>(code);
}

int guarded(const std::function<int()>& body) {
    try {
        return body();
    } catch (const Error& error) {
        return report(error.exit_code(), error.what());
    } catch (const std::exception& error) {
        return report(ExitCode::failure, error.what());
    }
}

}  // namespace

Program::Program(const std::string& name, const std::string& description, const std::string& footer)
    : app_(description, name) {
    prepare_standard_streams();
    log_to_stderr();
    app_.set_version_flag("--version", fmt::format("{} {}", name, version_line()));
    app_.footer(footer);
}

void Program::offer_output_file() {
    app_.add_option("-o,--output", output_, "file to write instead of the standard output");
}

void Program::offer_json() {
    app_.add_flag("--json", json_, "print JSON, for programs, and nothing else");
}

void Program::print(std::string_view text) {
    if (output_.empty()) {
        std::fwrite(text.data(), 1, text.size(), stdout);
    } else {
        text_ += text;
        write_text_atomically(output_, text_);
    }
}

int Program::run(int argc, char** argv, const std::function<void()>& body) {
    const int code = guarded([&] {
        try {
            app_.parse(argc, argv);
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
