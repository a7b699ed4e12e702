#include "weights/torch_file.hpp"

#include "core/errors.hpp"
#include "support/catch.hpp"
#include "weights/checkpoint.hpp"
#include "weights/checkpoints.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

/** Runs `check` on the zip and the legacy form of a checkpoint. */
template <typename Check>
void in_both_formats(const std::string& name, Check check) {
    for (const char* format : {"zip_", "legacy_"}) {
        INFO(format << name);
        check(checkpoint(format + name + ".pth"));
    }
}

}  // namespace

TEST_CASE("a module's state_dict is read") {
    in_both_formats("module_state", [](const fs::path& file) {
        const TensorMap tensors = read_checkpoint(file);
        CHECK(tensors.size() == 7);
        CHECK(tensors.at("0.weight").shape == Shape{2, 3, 1, 1});
        CHECK(floats(tensors.at("0.weight")) == ramp(6));
        CHECK(floats(tensors.at("1.running_var")) == ramp(2));
        CHECK(tensors.at("1.num_batches_tracked").shape.empty());
        CHECK(tensors.at("1.num_batches_tracked").as<int64_t>()[0] == 7);
    });
}

TEST_CASE("views of shared storages have the elements that PyTorch shows") {
    in_both_formats("views", [](const fs::path& file) {
        const TensorMap tensors = read_checkpoint(file);
        CHECK(tensors.size() == 11);
        const std::vector<float> base = ramp(24);  // [4, 6]
        CHECK(floats(tensors.at("base")) == base);
        CHECK(floats(tensors.at("same")) == base);
        const HostTensor& transposed = tensors.at("transposed");
        CHECK(transposed.shape == Shape{6, 4});
        for (std::size_t i = 0; i < 24; ++i) {
            CHECK(floats(transposed)[i] == base[i % 4 * 6 + i / 4]);
        }
        CHECK(tensors.at("slice").shape == Shape{2, 3});
        CHECK(floats(tensors.at("slice")) ==
              std::vector{base[8], base[9], base[10], base[14], base[15], base[16]});
        CHECK(floats(tensors.at("column")) == std::vector{base[1], base[7], base[13], base[19]});
        CHECK(floats(tensors.at("row")) ==
              std::vector<float>(base.begin() + 12, base.begin() + 18));
        CHECK(tensors.at("step").shape == Shape{12});
        CHECK(floats(tensors.at("step"))[5] == base[11]);
        CHECK(tensors.at("expanded").shape == Shape{3, 6});
        CHECK(floats(tensors.at("expanded"))[17] == base[5]);
        const HostTensor& permuted = tensors.at("permuted");  // [2, 3, 4] seen as [4, 2, 3]
        CHECK(permuted.shape == Shape{4, 2, 3});
        for (std::size_t i = 0; i < 24; ++i) {
            CHECK(floats(permuted)[i] == base[i % 6 * 4 + i / 6]);
        }
        CHECK(floats(tensors.at("scalar")) == std::vector{0.5f});
        CHECK(tensors.at("empty").shape == Shape{0, 3});
    });
}

TEST_CASE("every dtype keeps its bits") {
    in_both_formats("dtypes", [](const fs::path& file) {
        const TensorMap tensors = read_checkpoint(file);
        const std::vector<double> expected{-1, -0.75, -0.5, -0.25, 0, 0.25};
        const std::vector<double> truncated{-1, 0, 0, 0, 0, 0};
        CHECK(numbers<double>(tensors.at("f64")) == expected);
        CHECK(numbers<float>(tensors.at("f32")) == expected);
        CHECK(tensors.at("f16").dtype == DType::f16);
        CHECK(tensors.at("f16").as<uint16_t>()[1] == 0xba00);  // −0.75
        CHECK(tensors.at("bf16").dtype == DType::bf16);
        CHECK(from_bf16(tensors.at("bf16").as<uint16_t>()[1]) == -0.75f);
        CHECK(numbers<int64_t>(tensors.at("i64")) == truncated);
        CHECK(numbers<int32_t>(tensors.at("i32")) == truncated);
        CHECK(numbers<int16_t>(tensors.at("i16")) == truncated);
        CHECK(numbers<int8_t>(tensors.at("i8")) == truncated);
        CHECK(numbers<uint8_t>(tensors.at("u8")) == std::vector<double>{0, 1, 255});
        CHECK(tensors.at("bool").dtype == DType::boolean);
        CHECK(numbers<uint8_t>(tensors.at("bool")) == std::vector<double>{1, 0});
    });
}

TEST_CASE("a training script's checkpoint gives its state_dict, whatever lies beside it") {
    std::vector<std::string> names{"zip_protocol1.pth"};
    for (const char* name : {"training", "protocol3", "protocol4", "protocol5"}) {
        names.push_back(std::string("zip_") + name + ".pth");
        names.push_back(std::string("legacy_") + name + ".pth");
    }
    for (const std::string& name : names) {
        INFO(name);
        const Checkpoint read = open_checkpoint(checkpoint(name));
        CHECK(read.entry == "state_dict");
        CHECK(read.others.empty());
        REQUIRE(read.tensors.size() == 2);
        CHECK(floats(read.tensors.at("fc.weight")) == ramp(6));
        CHECK(floats(read.tensors.at("fc.bias")) == ramp(2));
    }
}

TEST_CASE("parameters and tensors with attributes are tensors") {
    in_both_formats("parameters", [](const fs::path& file) {
        const TensorMap tensors = read_checkpoint(file);
        CHECK(floats(tensors.at("plain")) == ramp(6));
        CHECK(floats(tensors.at("with_attribute")) == ramp(3));
        CHECK(floats(tensors.at("tensor_with_attribute")) == ramp(4));
    });
}

TEST_CASE("averaged weights go before the last step's") {
    const Checkpoint read = open_checkpoint(checkpoint("zip_averaged.pth"));
    CHECK(read.entry == "model_ema");
    CHECK(read.others == std::vector<std::string>{"state_dict", "model"});
    CHECK(floats(read.tensors.at("w")) == ramp(2));
}

TEST_CASE("a compressed archive is unpacked") {
    const TensorMap tensors = read_checkpoint(checkpoint("zip_deflated.pth"));
    CHECK(floats(tensors.at("0.weight")) == ramp(6));
}

TEST_CASE("code in a pickle is refused where a tensor should be, and never run") {
    in_both_formats("evil", [](const fs::path& file) {
        CHECK_THROWS_WITH(read_checkpoint(file),
                          ContainsSubstring("'bias' is an object of 'posix.system'") &&
                              ContainsSubstring(": byte "));
    });
    in_both_formats("evil_beside", [](const fs::path& file) {
        CHECK(floats(read_checkpoint(file).at("weight")) == ramp(2));
    });
    CHECK_FALSE(fs::exists("comq_was_here"));
}

TEST_CASE("whole modules, programs and unsupported numbers are refused with the reason") {
    in_both_formats("whole_module", [](const fs::path& file) {
        CHECK_THROWS_WITH(read_checkpoint(file),
                          ContainsSubstring("an object of 'torch.nn.modules.linear.Linear'") &&
                              ContainsSubstring("save its state_dict()"));
    });
    CHECK_THROWS_WITH(read_checkpoint(checkpoint("torchscript.pth")),
                      ContainsSubstring("a TorchScript program"));
    CHECK_THROWS_WITH(read_checkpoint(checkpoint("zip_complex.pth")),
                      ContainsSubstring("tensor 'w': torch.ComplexFloatStorage is not supported"));
}

TEST_CASE("a truncated legacy file names the byte") {
    const FileBytes whole = map_file(checkpoint("legacy_module_state.pth"));
    CHECK_THROWS_WITH(parse_checkpoint(copy_bytes("w.pth", whole.bytes().first(whole.size - 1))),
                      ContainsSubstring("w.pth: byte ") && ContainsSubstring("truncated"));
    CHECK_THROWS_WITH(parse_checkpoint(copy_bytes("w.pth", whole.bytes().first(100))),
                      ContainsSubstring("w.pth: byte ") && ContainsSubstring("truncated"));
}

TEST_CASE("a truncated zip file and a flipped bit are found") {
    const FileBytes whole = map_file(checkpoint("zip_views.pth"));
    CHECK_THROWS_WITH(parse_checkpoint(copy_bytes("w.pth", whole.bytes().first(whole.size / 2))),
                      ContainsSubstring("w.pth: not a complete zip archive"));

    // The first storage's numbers begin with ramp's −1 and −0.75.
    std::vector<std::byte> bytes(whole.bytes().begin(), whole.bytes().end());
    const std::vector<float> start = ramp(3);
    const auto pattern = std::as_bytes(std::span(start));
    const auto found = std::search(bytes.begin(), bytes.end(), pattern.begin(), pattern.end());
    REQUIRE(found != bytes.end());
    *found ^= std::byte{1};
    CHECK_THROWS_WITH(parse_checkpoint(copy_bytes("w.pth", bytes)),
                      ContainsSubstring("zip_views/data/0") && ContainsSubstring("CRC error") &&
                          ContainsSubstring("needed by tensor 'base'"));
}

TEST_CASE("the real CIFAR checkpoints are read") {
    COMQ_NEED_ASSETS(assets);
    const TensorMap tensors = read_checkpoint(assets / "weights/cifar10_resnet20-12fca82f.th");
    CHECK(tensors.at("conv1.weight").shape == Shape{16, 3, 3, 3});
    CHECK(tensors.at("layer3.2.bn2.running_var").shape == Shape{64});
    CHECK(tensors.at("linear.weight").shape == Shape{10, 64});
    for (const float variance : floats(tensors.at("layer3.2.bn2.running_var"))) {
        CHECK(variance > 0.f);
    }
    for (const char* name : {"cifar10_resnet32-d509ac18.th", "cifar10_resnet56-4bfd9763.th"}) {
        CHECK(read_checkpoint(assets / "weights" / name).contains("linear.bias"));
    }
}
