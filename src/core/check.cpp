#include "core/check.hpp"

#include "core/errors.hpp"

namespace comq {

void check_failed(std::string_view file, int line, const char* condition,
                  const std::string& message) {
    // From the source tree on: where it lay when this was built helps nobody.
    for (const std::string_view folder : {"/src/", "/tests/"}) {
        const std::size_t begin = file.rfind(folder);
        if (begin != std::string_view::npos) file.remove_prefix(begin + 1);
    }
    throw Failure("{}:{}: {} does not hold{}{}; this is an error of the program, please report it",
                  file, line, condition, message.empty() ? "" : ": ", message);
}

}  // namespace comq
