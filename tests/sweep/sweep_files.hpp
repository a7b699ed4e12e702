#pragma once

#include <string>
#include <vector>

#include "experiment_config/config_files.hpp"
#include "sweep/sweep_spec.hpp"

namespace comq::test {

/** A folder with a small experiment, base.yaml, and sweeps of it. */
class SweepFolder {
  public:
    SweepFolder() { files_.write("base.yaml", complete_config); }

    const std::filesystem::path& path() const { return files_.path(); }
    std::filesystem::path write(const std::string& text) const {
        return files_.write("some_sweep.yaml", "config: base.yaml\n" + text);
    }
    /** Results land in the folder `out`. */
    PointSet open(const std::string& text, std::vector<std::string> arguments = {}) const {
        arguments.push_back("folder=" + (path() / "out").string());
        return open_sweep(write(text), arguments, {{"demo_cnn", "demo_vit"}, {"comq", "rtn"}});
    }
    /** The message of the UsageError that opening must end in. */
    std::string error_of(const std::string& text, std::vector<std::string> arguments = {}) const {
        try {
            open(text, std::move(arguments));
        } catch (const UsageError& error) {
            return error.what();
        }
        FAIL("no error for:\n" << text);
        return {};
    }

  private:
    ConfigFolder files_;
};

}  // namespace comq::test
