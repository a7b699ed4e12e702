#include "core/errors.hpp"

#include "core/text.hpp"

namespace comq {

namespace {

std::string printable(ExitCode exit_code, const std::string& message) {
    const std::string shown = replace_each(without_control_characters(message), {{"\t", "\\x09"}});
    return exit_code == ExitCode::bad_input ? replace_each(shown, {{"\n", "\\n"}}) : shown;
}

}  // namespace

Error::Error(ExitCode exit_code, const std::string& message)
    : std::runtime_error(printable(exit_code, message)), exit_code_(exit_code) {}

}  // namespace comq
