#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "storage/host_tensor.hpp"

namespace comq {

/**
 * A folder of its own for what is left to Python's libraries (scripts/exporting/write.py): tensors
 * to hand over, and the files that come back. It goes with the object.
 */
class PythonJob {
  public:
    /** Beside `output`, for what is written there is renamed into place. Throws Failure. */
    explicit PythonJob(const std::filesystem::path& output);
    ~PythonJob();
    PythonJob(const PythonJob&) = delete;
    PythonJob& operator=(const PythonJob&) = delete;

    std::filesystem::path file(const std::string& name) const { return folder_ / name; }
    /** Writes NAME.safetensors. */
    void give(const std::string& name, const TensorMap& tensors) const;

    /**
     * Runs the script with `job` and returns its answer. The script uses python3 where that has the
     * packages, else a virtual environment that it makes, and says so on the standard error.
     * Throws InputError with the script's own words, Failure when it could not run.
     */
    nlohmann::json run(const nlohmann::json& job) const;

    /** Renames the file that the script wrote to the output. */
    void publish(const std::filesystem::path& output) const;

  private:
    std::filesystem::path folder_;
};

}  // namespace comq
