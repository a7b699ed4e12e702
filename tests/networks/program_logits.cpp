// Runs a program on the images of a file and compares with PyTorch's logits: a line of JSON with
// the largest difference (0: every bit is equal), and what was found in the graph. For
// compare_programs.py.
//   program_logits FILE.pt2 IMAGES.raw LOGITS.raw
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "core/errors.hpp"
#include "networks/load.hpp"
#include "networks/programs/program_network.hpp"

using namespace comq;

namespace {

torch::Tensor floats(const char* file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    return torch::from_blob(const_cast<char*>(bytes.data()),
                            static_cast<int64_t>(bytes.size() / sizeof(float)))
        .clone();
}

nlohmann::json compared(const char* file, const char* images_file, const char* logits_file) {
    const torch::InferenceMode inference;
    ProgramArchive archive(file);
    const auto program = read_program(archive);
    ProgramNetwork network(program);
    load_parameters(network, program_tensors(*program, archive), file);
    const int64_t size = program->image_size();
    const auto images = floats(images_file).view({-1, 3, size, size});
    const auto expected = floats(logits_file).view({images.size(0), -1});
    const auto logits = network.forward(images);
    const double difference =
        torch::equal(logits, expected)
            ? 0.0
            : ((logits - expected).abs().max() / expected.abs().max()).item<double>();
    nlohmann::json result{{"difference", difference},
                          {"blocks", network.blocks().size()},
                          {"layers", nlohmann::json::array()},
                          {"kept", nlohmann::json::array()},
                          {"unquantizable", nlohmann::json::array()}};
    for (const auto& entry : network.layers()) {
        result["layers"].push_back(entry.layer->name());
        if (!entry.quantized_by_default) result["kept"].push_back(entry.layer->name());
    }
    for (const auto& what : network.unquantizable()) {
        result["unquantizable"].push_back({{"name", what.name}, {"reason", what.reason}});
    }
    return result;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    torch::set_num_threads(1);
    try {
        std::puts(compared(argv[1], argv[2], argv[3]).dump().c_str());
    } catch (const Error& error) {
        std::puts(nlohmann::json{{"error", error.what()}}.dump().c_str());
        return 1;
    }
}
