// Published checkpoints on real images, from the image file to the logits.
#include <array>
#include <sstream>

#include "golden_folder.hpp"
#include "hash_weights.hpp"
#include "image/decode.hpp"
#include "networks/load.hpp"
#include "networks/registry.hpp"
#include "storage/mapped_file.hpp"
#include "storage/safetensors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "torch_bridge/bridge.hpp"
#include "weights/checkpoint.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts;
    std::istringstream stream(list);
    for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
    return parts;
}

torch::Tensor image(const fs::path& file, const Preprocessing& preprocessing) {
    const FileBytes bytes = map_file(file);
    const RgbImage image =
        resize_and_crop(decode_image(bytes.bytes(), file.string()), preprocessing);
    torch::Tensor pixels = torch::empty({1, 3, image.height, image.width});
    normalize(image, preprocessing, pixels.data_ptr<float>());
    return pixels;
}

/** The first `count` images of a CIFAR-10 batch: a label byte and 3 × 32 × 32 planar bytes each.
 */
torch::Tensor cifar_images(const fs::path& file, int64_t count, const Preprocessing& p) {
    const FileBytes bytes = map_file(file);
    constexpr int64_t record = 1 + 3 * 32 * 32;
    REQUIRE(bytes.size >= static_cast<std::size_t>(count * record));
    const HostTensor records{DType::u8, {count, record}, bytes.share(0)};
    const torch::Tensor pixels =
        to_torch(records).slice(1, 1).view({count, 3, 32, 32}).to(torch::kFloat32) / 255;
    const auto per_channel = [](const std::array<float, 3>& values) {
        return torch::tensor({values[0], values[1], values[2]}).view({1, 3, 1, 1});
    };
    return (pixels - per_channel(p.mean)) / per_channel(p.std);
}

}  // namespace

TEST_CASE("golden logits of published ImageNet checkpoints on real photos") {
    COMQ_NEED_ASSETS(assets);
    const torch::InferenceMode inference;
    for (const std::string name : {"deit_tiny_patch16_224", "squeezenet1_1"}) {
        INFO(name);
        const ModelDescription& model = find_model(name);
        const auto network = model.make();
        const fs::path weights = assets / "weights" / (name + ".safetensors");
        load_parameters(*network, read_safetensors(weights).tensors, weights.string());

        const auto golden = read_safetensors(test::golden_folder("real") / (name + ".safetensors"));
        std::vector<torch::Tensor> images;
        for (const std::string& file : split(golden.metadata.at("images"))) {
            images.push_back(image(assets / "imagenet" / "originals" / file, model.preprocessing));
        }
        const torch::Tensor expected = to_torch(golden.tensors.at("logits"));
        const torch::Tensor logits = network->forward(torch::cat(images));
        REQUIRE(logits.sizes() == expected.sizes());
        // The pixels are equal bit for bit; fp32 sums differ in their order.
        CHECK(test::relative_difference(logits, expected) < 1e-3);
        CHECK(torch::equal(logits.argmax(1), expected.argmax(1)));
    }
}

TEST_CASE("golden logits of published CIFAR-10 checkpoints") {
    COMQ_NEED_ASSETS(assets);
    const torch::InferenceMode inference;
    int checkpoints = 0;
    for (const auto& entry : fs::directory_iterator(test::golden_folder("real"))) {
        const std::string name = entry.path().stem().string();
        if (!name.starts_with("cifar10_")) continue;
        INFO(name);
        const ModelDescription& model = find_model(name.substr(0, name.find('-')));
        const auto network = model.make();
        const fs::path weights = assets / "weights" / (name + ".th");
        load_parameters(*network, read_checkpoint(weights), weights.string());

        const torch::Tensor expected =
            to_torch(read_safetensors(entry.path()).tensors.at("logits"));
        const torch::Tensor logits = network->forward(cifar_images(
            assets / "cifar10" / "test_batch.bin", expected.size(0), model.preprocessing));
        CHECK(test::relative_difference(logits, expected) < 1e-3);
        ++checkpoints;
    }
    CHECK(checkpoints > 0);
}
