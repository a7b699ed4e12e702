#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/config_values.hpp"
#include "experiment_config/load_config.hpp"

namespace comq {

/** Every key that the run reads as YAML in a fixed order; loading it gives the same run. */
std::string resolved_text(const ExperimentConfig& config);

/** The same as JSON, nested by section. */
nlohmann::ordered_json resolved_json(const ExperimentConfig& config);

/** The same with a comment on each line that says who set the key: `--print-config`. */
std::string annotated_text(const LoadedConfig& loaded);
/** Who set which key to what: an array of {key, value, origin}. */
nlohmann::ordered_json annotated_json(const LoadedConfig& loaded);

/**
 * The keys that the run reads and that change numbers as YAML in a fixed order, but for those with
 * their default: a run's identity is this text and the content of the files its paths name. So a
 * later version that adds a key, with a default that leaves all as it was, keeps identities, points
 * of sweeps and caches. A default must therefore never change; a better one is a new key or preset.
 */
std::string identity_text(const ExperimentConfig& config);
/** The same for those keys of it that `wanted` accepts; `schema` has them all. */
std::string identity_text(const ExperimentConfig& config,
                          const std::function<bool(const KeyInfo& key)>& wanted,
                          const ExperimentSchema& schema = experiment_schema());

/** The values of resolved_text, as config_values() reads them. */
ConfigValues resolved_values(const ExperimentConfig& config);

/** Dotted names of the keys whose values differ or that only one text has, in order. */
std::vector<std::string> differing_keys(const std::string& text_a, const std::string& text_b);

/**
 * Dotted names of the keys in `text`, the resolved config of any version, whose values are neither
 * the default nor that of the preset which `text` names, in order. Keys that this version does not
 * know count as such. Throws what config_values throws.
 */
std::vector<std::string> keys_off_default(const std::string& text, const std::string& source);

}  // namespace comq
