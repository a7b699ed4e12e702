#include "core/errors.hpp"

namespace comq {

namespace {

std::string printable(ExitCode exit_code, const std::string& message) {
    std::string result;
    result.reserve(message.size());
    for (const char c : message) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            result += c;
        } else if (c != '\n') {
            result += fmt::format("\\x{:02x}", byte);
        } else {
            result += exit_code == ExitCode::bad_input ? "\\n" : "\n";
        }
    }
    return result;
}

}  // namespace

Error::Error(ExitCode exit_code, const std::string& message)
    : std::runtime_error(printable(exit_code, message)), exit_code_(exit_code) {}

}  // namespace comq
