#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/problems.hpp"
#include "config/schema.hpp"
#include "points/point.hpp"

namespace comq {

/** How points are launched, apart from which they are. */
struct LaunchSettings {
    LocalSettings local;
    SlurmSettings slurm;
    bool restart_elsewhere = false;
};

Schema<LocalSettings> local_keys();
Schema<SlurmSettings> slurm_keys();

/** Adds "restart_elsewhere", "local.…" and "slurm.…" to the keys of a T, which has such settings.
 */
template <typename T>
void add_launch_keys(Schema<T>& schema) {
    schema.add({.key = "restart_elsewhere",
                .meaning = "Start an interrupted point over where the build of comq, LibTorch or "
                           "the type of CPU is not that which it began with; false: it fails."},
               &T::restart_elsewhere, boolean());
    schema.template add_section<LocalSettings>("local", &T::local, local_keys());
    schema.template add_section<SlurmSettings>("slurm", &T::slurm, slurm_keys());
}

/** What a site's users share of the section slurm: $COMQ_SITE, else comq/slurm.yaml among the files
 *  of configuration ($XDG_CONFIG_HOME, ~/.config). Empty: there is none. */
std::filesystem::path site_file();

/** The defaults, changed by the site file. What is wrong with that is added to `problems`. */
LaunchSettings site_settings(ConfigProblems& problems);

/**
 * Those, changed by "slurm.time=1:00:00" and the like. Throws one UsageError for everything that is
 * wrong, keys that are no such settings included.
 */
LaunchSettings launch_settings(const std::vector<std::string>& arguments);

/** The keys that launch_settings takes. */
std::vector<KeyInfo> launch_setting_keys();

}  // namespace comq
