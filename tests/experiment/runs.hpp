#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/progress.hpp"
#include "experiment/known_names.hpp"
#include "experiment/run_experiment.hpp"
#include "experiment/setup.hpp"
#include "experiment_config/load_config.hpp"
#include "results/run_journal.hpp"
#include "results/run_record.hpp"
#include "support/assets.hpp"

namespace comq::test {

/** A shipped config with overrides, its result in `folder`, no cache, quiet. */
inline LoadedConfig shipped_config(const std::string& name, const std::filesystem::path& folder,
                                   std::vector<std::string> overrides = {}) {
    Progress::set_quiet(true);
    overrides.push_back("output.file=" + (folder / (name + ".h5")).string());
    overrides.push_back("resources.cache=null");
    const auto configs = source_dir() / "configs";
    return load_config(configs / (name + ".yaml"), overrides, {known_names(), {configs}});
}

inline RunRecord run_shipped(const std::string& name, const std::filesystem::path& folder,
                             std::vector<std::string> overrides = {},
                             Leftover leftover = Leftover::refuse) {
    return run_experiment(shipped_config(name, folder, std::move(overrides)), {leftover, {}});
}

/** The empty journal of a run that has not begun, for a test to store what it resumes from. */
inline RunJournal new_journal(const LoadedConfig& loaded) {
    const auto model = load_model(loaded.config.model, torch::kCPU);
    const auto images = open_images(loaded.config);
    return RunJournal(loaded.config.output.file, run_keys(loaded.config, model, images).identity,
                      Leftover::restart, {});
}

}  // namespace comq::test
