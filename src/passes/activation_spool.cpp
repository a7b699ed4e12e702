#include "passes/activation_spool.hpp"

#include <fmt/format.h>

#include <fstream>
#include <system_error>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "core/text.hpp"

namespace comq {

namespace fs = std::filesystem;

ActivationSpool::ActivationSpool(fs::path folder) : folder_(std::move(folder)) {
    std::error_code error;
    fs::remove_all(folder_, error);
    create_folder(folder_);
}

ActivationSpool::~ActivationSpool() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

fs::path ActivationSpool::file_of(const std::string& network, int64_t batch) const {
    return folder_ / fmt::format("{}-{}", network, batch);
}

void ActivationSpool::store(const std::string& network, int64_t batch,
                            const torch::Tensor& activation) {
    const auto values = activation.to(torch::kCPU, torch::kFloat).contiguous();
    const auto file = file_of(network, batch);
    std::ofstream stream(file, std::ios::binary);
    stream.write(static_cast<const char*>(values.data_ptr()),
                 static_cast<std::streamsize>(values.nbytes()));
    stream.close();
    if (!stream) {
        throw Failure("{}: can't be written; the activations of a batch need {} of free disk",
                      file.string(), format_bytes(static_cast<double>(values.nbytes())));
    }
    const std::lock_guard lock(mutex_);
    shapes_[{network, batch}] = values.sizes().vec();
}

bool ActivationSpool::contains(const std::string& network, int64_t batch) const {
    const std::lock_guard lock(mutex_);
    return shapes_.contains({network, batch});
}

torch::Tensor ActivationSpool::load(const std::string& network, int64_t batch) const {
    std::vector<int64_t> shape;
    {
        const std::lock_guard lock(mutex_);
        shape = shapes_.at({network, batch});
    }
    auto values = torch::empty(shape);
    const auto file = file_of(network, batch);
    std::ifstream stream(file, std::ios::binary);
    stream.read(static_cast<char*>(values.data_ptr()),
                static_cast<std::streamsize>(values.nbytes()));
    if (!stream) throw Failure("{}: was changed or removed while the run went on", file.string());
    return values;
}

}  // namespace comq
