#include "page/dimensions.hpp"

#include "page/run_part.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

ConfigValues run_of(const std::string& network, const std::string& method,
                    const std::string& bits) {
    return {{"model.name", network},
            {"model.weights", "/weights/" + network + ".safetensors"},
            {"quantization.method", method},
            {"quantization.preset", method == "comq" ? "paper" : "null"},
            {"quantization.bits", bits},
            {"output.file", "/results/" + network + method + bits + ".h5"},
            {"resources.threads", bits},
            {"seed", "0"}};
}

}  // namespace

TEST_CASE("runs are told apart by keys that no other one decides") {
    const std::vector<ConfigValues> runs{run_of("resnet18", "comq", "4"),
                                         run_of("resnet18", "gptq", "4"),
                                         run_of("deit_tiny", "comq", "2")};
    const auto dimensions = dimensions_of(runs);
    std::vector<std::string> keys;
    for (const Dimension& dimension : dimensions) keys.push_back(dimension.key);
    // The bits follow from the network here; its checkpoint and the preset do, too.
    CHECK(keys == std::vector<std::string>{"model.name", "quantization.method"});
    CHECK(dimensions.front().name == "network");
    CHECK(labels_of(dimensions, runs.size()) ==
          std::vector<std::string>{"resnet18 comq", "resnet18 gptq", "deit_tiny comq"});
}

TEST_CASE("of paths the file tells runs apart, and bits are named") {
    std::vector<ConfigValues> runs{run_of("vit", "comq", "4"), run_of("vit", "comq", "3"),
                                   run_of("vit", "comq", "3")};
    runs[2]["model.weights"] = "/weights/tuned.safetensors";
    const auto dimensions = dimensions_of(runs);
    REQUIRE(dimensions.size() == 2);
    CHECK(labels_of(dimensions, runs.size()) ==
          std::vector<std::string>{"4 bits weights=vit.safetensors",
                                   "3 bits weights=vit.safetensors",
                                   "3 bits weights=tuned.safetensors"});
    CHECK(dimensions_of({runs[0]}).empty());
    CHECK(labels_of({}, 1) == std::vector<std::string>{""});
}

TEST_CASE("every differing key has the value of each run, or says that there is none") {
    std::vector<ConfigValues> runs{run_of("vit", "comq", "4"), run_of("vit", "comq", "3")};
    runs[1].erase("seed");
    std::map<std::string, std::vector<std::string>> found;
    for (const Difference& difference : differences_of(runs)) {
        found[difference.key] = difference.values;
    }
    CHECK(found.size() == 4);
    CHECK(found.at("seed") == std::vector<std::string>{"0", "(none)"});
    CHECK(found.at("quantization.bits") == std::vector<std::string>{"4", "3"});
    CHECK(found.contains("output.file"));
    CHECK(found.contains("resources.threads"));
}

TEST_CASE("the block of a layer ends with its last number that something follows") {
    CHECK(block_of("blocks.3.attn.qkv") == "blocks.3");
    CHECK(block_of("layers.0.blocks.1.mlp.fc1") == "layers.0.blocks.1");
    CHECK(block_of("layer1.0.conv2") == "layer1.0");
    CHECK(block_of("features.12") == "features.12");
    CHECK(block_of("head") == "head");
}
