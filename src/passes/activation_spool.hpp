#pragma once

#include "torch_bridge/torch.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace comq {

/**
 * Activations of calibration batches between two blocks of a network, on disk, so that memory does
 * not grow with the number of images. What is spooled does not outlive the run: a resumed run
 * computes it again. Thread-safe for different batches.
 */
class ActivationSpool {
  public:
    /** Creates `folder`, emptied of what a killed run left; the destructor removes it. */
    explicit ActivationSpool(std::filesystem::path folder);
    ~ActivationSpool();
    ActivationSpool(const ActivationSpool&) = delete;
    ActivationSpool& operator=(const ActivationSpool&) = delete;

    /**
     * Replaces what `network` has of `batch`. Throws Failure naming the file when it can't be
     * written (full disk).
     */
    void store(const std::string& network, int64_t batch, const torch::Tensor& activation);
    bool contains(const std::string& network, int64_t batch) const;
    /** On the CPU. Throws Failure when the file was tampered with. */
    torch::Tensor load(const std::string& network, int64_t batch) const;

  private:
    std::filesystem::path file_of(const std::string& network, int64_t batch) const;

    std::filesystem::path folder_;
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, int64_t>, std::vector<int64_t>> shapes_;
};

}  // namespace comq
