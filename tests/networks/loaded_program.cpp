#include "networks/loaded_program.hpp"

#include <cstring>
#include <fstream>
#include <set>

#include "support/catch.hpp"

namespace comq::test {

namespace fs = std::filesystem;

namespace {

torch::Tensor raw_floats(const fs::path& file, const std::vector<int64_t>& shape) {
    const std::string bytes = text_of(file);
    auto tensor = torch::empty(shape);
    REQUIRE(bytes.size() == tensor.nbytes());
    std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
    return tensor;
}

}  // namespace

LoadedProgram load_exported(const fs::path& folder, const std::string& name) {
    torch::set_num_threads(1);
    const fs::path stem = folder / name;
    LoadedProgram result;
    ModelConfig config;
    config.program = stem.string() + ".pt2";
    result.description = describe_model(config);
    result.network = result.description->make();
    take_over_parameters(*result.network, result.description->own_weights(),
                         config.program.string());
    const int64_t size = result.description->preprocessing.crop;
    result.images = raw_floats(stem.string() + ".images", {3, 3, size, size});
    result.logits = raw_floats(stem.string() + ".logits", {3, result.description->classes});
    return result;
}

std::vector<std::string> missed_layers(const fs::path& folder, const std::string& name,
                                       const Network& network) {
    std::set<std::string> found;
    for (const auto& entry : network.layers()) found.insert(entry.layer->name());
    for (const auto& what : network.unquantizable()) found.insert(what.name);
    std::ifstream lines(folder / (name + ".layers"));
    std::vector<std::string> missed;
    int ran = 0;
    for (std::string line; std::getline(lines, line); ++ran) {
        if (!found.contains(line)) missed.push_back(line);
    }
    CHECK(ran > 0);
    return missed;
}

}  // namespace comq::test
