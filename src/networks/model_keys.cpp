#include "networks/model_keys.hpp"

namespace comq {

namespace {

bool is_sha256(const std::string& digest) {
    return digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

Schema<ModelConfig, RunKey> model_keys(const std::vector<std::string>& models) {
    using enum Effect;
    Schema<ModelConfig, RunKey> keys;
    keys.add({.key = "name",
              .affects = full_precision | statistics,
              .meaning = "Architecture, by its name in the model registry "
                         "(run_experiment --list-models).",
              .required = true},
             &ModelConfig::name, name_of("model", models));
    keys.add({.key = "weights",
              .affects = location | full_precision | statistics,
              .meaning = "Checkpoint file; a relative path starts at the working directory. "
                         "null: the weights that come with a demo model."},
             &ModelConfig::weights, path());
    keys.add({.key = "sha256",
              .affects = location | full_precision | statistics,
              .meaning = "Digest the checkpoint must have; null: any, the one found is recorded."},
             &ModelConfig::sha256,
             or_null(text_where("64 lower-case hexadecimal digits", is_sha256)));

    return keys;
}

}  // namespace comq
