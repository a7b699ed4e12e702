#pragma once

#include <string>
#include <vector>

#include "config/config_folder.hpp"
#include "core/errors.hpp"
#include "experiment_config/load_config.hpp"

namespace comq::test {

/** A complete config; tests override what they are about. */
inline const std::string complete_config =
    "model: {name: demo_vit}\n"
    "data: {layout: demo}\n";

inline LoadedConfig load(const std::string& text, const std::vector<std::string>& overrides = {}) {
    return load_config_text(text, "test.yaml", overrides);
}

/** The message of the UsageError that reading `text` must end in. */
inline std::string error_of(const std::string& text,
                            const std::vector<std::string>& overrides = {}) {
    try {
        load(text, overrides);
    } catch (const UsageError& error) {
        CHECK(error.exit_code() == ExitCode::usage);
        return error.what();
    }
    FAIL("no error for:\n" << text);
    return {};
}

}  // namespace comq::test
