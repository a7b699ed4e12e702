#include "weights/sharded_checkpoint.hpp"

#include <fstream>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "storage/safetensors.hpp"
#include "support/catch.hpp"
#include "weights/checkpoint.hpp"
#include "weights/checkpoints.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

HostTensor tensor_of(float value) {
    return HostTensor::copy_of<float>(DType::f32, {1}, std::vector{value});
}

/** Two shards, a.safetensors with `x` and b.safetensors with `y`, and an index of that text. */
fs::path sharded(const std::string& index) {
    const fs::path folder = temporary_folder();
    write_safetensors(folder / "a.safetensors", {{"x", tensor_of(1.f)}});
    write_safetensors(folder / "b.safetensors", {{"y", tensor_of(2.f)}});
    std::ofstream(folder / "model.safetensors.index.json") << index;
    return folder / "model.safetensors.index.json";
}

}  // namespace

TEST_CASE("the shards of an index are joined") {
    const fs::path index = sharded(R"( {"metadata": {"total_size": 8},
        "weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})");
    const Checkpoint whole = open_checkpoint(index);
    REQUIRE(whole.tensors.size() == 2);
    CHECK(floats(whole.tensors.at("x")) == std::vector{1.f});
    CHECK(floats(whole.tensors.at("y")) == std::vector{2.f});
}

TEST_CASE("an index that doesn't fit its shards is refused") {
    const auto refused = [](const std::string& index, const std::string& message) {
        INFO(index);
        CHECK_THROWS_WITH(read_checkpoint(sharded(index)), ContainsSubstring(message));
    };
    refused(R"({"weight_map": {"x": "a.safetensors", "z": "b.safetensors"}})",
            "tensor 'z' is not in its shard b.safetensors");
    refused(R"({"weight_map": {"x": "a.safetensors", "y": "a.safetensors"}})",
            "tensor 'y' is not in its shard a.safetensors");
    refused(R"({"weight_map": {"x": "c.safetensors"}})", "c.safetensors: can't be opened");
    refused(R"({"weight_map": {"x": "../a.safetensors"}})", "is not a file beside the index");
    refused(R"({"weight_map": {"x": ".."}})", "is not a file beside the index");
    refused(R"({"weight_map": {"x": 1}})", "tensor 'x': its shard is not text");
    refused(R"({"weight_map": []})", "not a valid index");
    refused(R"({"weight_map": {"x": "a.safetensors")", "not a valid index");
    refused(R"({"weight_map": {"x": "model.safetensors.index.json"}})", "not a checkpoint");
}

TEST_CASE("a shard with a tensor that the index doesn't name is refused") {
    const fs::path index = sharded(R"({"weight_map": {"x": "a.safetensors"}})");
    write_safetensors(index.parent_path() / "a.safetensors",
                      {{"x", tensor_of(1.f)}, {"other", tensor_of(1.f)}});
    CHECK_THROWS_WITH(read_checkpoint(index), ContainsSubstring("holds tensor 'other'"));
}

TEST_CASE("the digest of a sharded checkpoint follows its shards") {
    const std::string text = R"({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})";
    const fs::path one = sharded(text), other = sharded(text);
    CHECK(checkpoint_sha256(one) == checkpoint_sha256(other));
    write_safetensors(other.parent_path() / "b.safetensors", {{"y", tensor_of(3.f)}});
    CHECK(checkpoint_sha256(one) != checkpoint_sha256(other));
    fs::remove(other.parent_path() / "b.safetensors");
    CHECK_THROWS_WITH(checkpoint_sha256(other), ContainsSubstring("b.safetensors"));
    // Of a single file it is what sha256sum prints.
    const fs::path shard = one.parent_path() / "a.safetensors";
    CHECK(checkpoint_sha256(shard) == sha256_hex_of_file(shard));
}
