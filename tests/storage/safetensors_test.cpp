#include "storage/safetensors.hpp"

#include <array>
#include <cstring>
#include <fstream>

#include "core/errors.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** A file of the given header and `data_bytes` zeros. */
FileBytes file_of(const std::string& header, std::size_t data_bytes) {
    const uint64_t length = header.size();
    std::string content(reinterpret_cast<const char*>(&length), sizeof(length));
    content += header + std::string(data_bytes, '\0');
    return copy_bytes("w.safetensors", std::as_bytes(std::span(content)));
}

template <typename T>
HostTensor tensor_of(DType dtype, std::vector<int64_t> shape, std::vector<T> values) {
    return HostTensor::copy_of<T>(dtype, std::move(shape), values);
}

}  // namespace

TEST_CASE("tensors of every dtype and their metadata survive a file") {
    TensorMap tensors;
    tensors["odd.bytes"] = tensor_of<uint8_t>(DType::u8, {3}, {1, 2, 255});
    tensors["flags"] = tensor_of<uint8_t>(DType::boolean, {2}, {0, 1});
    tensors["small"] = tensor_of<int8_t>(DType::i8, {1}, {-7});
    tensors["half"] = tensor_of<uint16_t>(DType::f16, {2}, {0x3c00, 0xc000});
    tensors["brain"] = tensor_of<uint16_t>(DType::bf16, {1, 1}, {0x3f80});
    tensors["short"] = tensor_of<int16_t>(DType::i16, {1}, {-300});
    tensors["weight"] = tensor_of<float>(DType::f32, {2, 2}, {1.f, -2.f, 0.5f, 1e-30f});
    tensors["count"] = tensor_of<int64_t>(DType::i64, {}, {1LL << 40});
    tensors["index"] = tensor_of<int32_t>(DType::i32, {1, 0}, {});
    tensors["wide"] = tensor_of<double>(DType::f64, {1}, {0.1});
    const fs::path file = test::temporary_folder() / "all.safetensors";
    write_safetensors(file, tensors, {{"format", "pt"}, {"note", "ü \"quoted\""}});

    const SafetensorsFile read = read_safetensors(file);
    CHECK(read.metadata ==
          std::map<std::string, std::string>{{"format", "pt"}, {"note", "ü \"quoted\""}});
    REQUIRE(read.tensors.size() == tensors.size());
    for (const auto& [name, tensor] : tensors) {
        INFO(name);
        const HostTensor& other = read.tensors.at(name);
        CHECK(other.dtype == tensor.dtype);
        CHECK(other.shape == tensor.shape);
        CHECK(std::equal(tensor.bytes().begin(), tensor.bytes().end(), other.bytes().begin(),
                         other.bytes().end()));
    }
}

TEST_CASE("an empty map makes a valid file") {
    const fs::path file = test::temporary_folder() / "empty.safetensors";
    write_safetensors(file, {});
    CHECK(read_safetensors(file).tensors.empty());
}

TEST_CASE("tensors outlive the file object and a replacement of the file") {
    const fs::path file = test::temporary_folder() / "w.safetensors";
    write_safetensors(file, {{"w", tensor_of<float>(DType::f32, {1}, {3.f})}});
    const HostTensor before = read_safetensors(file).tensors.at("w");
    write_safetensors(file, {{"w", tensor_of<float>(DType::f32, {1}, {4.f})}});
    CHECK(before.as<float>()[0] == 3.f);
    CHECK(read_safetensors(file).tensors.at("w").as<float>()[0] == 4.f);
}

TEST_CASE("numbers at odd offsets of a file are read right") {
    const FileBytes file = file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                   R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                   5);
    const HostTensor b = parse_safetensors(file).tensors.at("b");
    CHECK(reinterpret_cast<std::uintptr_t>(b.data.get()) % 4 == 0);
    CHECK(b.as<float>()[0] == 0.f);
}

TEST_CASE("a malformed header names the file, the tensor and what is wrong") {
    struct Case {
        std::string header;
        std::size_t data_bytes;
        std::string message;
    };
    const std::string good = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
    const auto one = [](const std::string& body) { return "{\"x\":{" + body + "}}"; };
    const std::vector<Case> cases{
        {one(good), 4, "tensor 'x': its range 0 to 8 reaches beyond the end"},
        {one(good), 12, "4 bytes after the last tensor belong to none"},
        {one(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), 12,
         "'x': its range 4 to 12 has a gap"},
        {one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8,
         "'x': F32 [3] needs 12 bytes"},
        {one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8, "'x': F32 [2] needs 8 bytes"},
        {one(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), 8, "'x': data_offsets needs two"},
        {one(R"("dtype":"F32","shape":[2])"), 8, "'x': dtype, shape or data_offsets is missing"},
        {one(R"("dtype":"F8_E8M0","shape":[8],"data_offsets":[0,8])"), 8,
         "'x': dtype 'F8_E8M0' is not supported (convert it to F32"},
        {one(R"("dtype":"F8_E4M3","shape":[9],"data_offsets":[0,8])"), 8,
         "'x': F8 [9] needs 9 bytes"},
        {one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])"), 8,
         "'x': shape [4294967296, 4294967296] is too large"},
        {one(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8])"), 8,
         "'x': the number 18446744073709551615 is too large"},
        {one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8,
         "'x': a negative number is not expected in 'shape'"},
        {one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), 8,
         "'x': a fraction is not expected"},
        {one(R"("dtype":"F32","shape":"2","data_offsets":[0,8])"), 8,
         "'x': a string is not expected in 'shape'"},
        {one(R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])"), 8,
         "'x': an array is not expected"},
        {one(good + R"(,"shape":[2])"), 8, "'x': key 'shape' stands twice"},
        {one(good + R"(,"stride":[1])"), 8, "'x': key 'stride' is unknown"},
        {R"({"x":{)" + good + R"(},"x":{)" + good + "}}", 8, "'x': stands twice in the header"},
        {R"({"x":{)" + good + R"(},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8,
         "overlaps another tensor"},
        {R"({"x":[1]})", 8, "'x': an array is not expected"},
        {R"({"__metadata__":{"n":1}})", 0, "a number is not expected in 'n'"},
        {"[]", 0, "the header is an array instead of an object"},
        {"{\"x\":{" + good, 8, "the header is not valid JSON at byte"},
        {one(good) + "trailing", 8, "the header is not valid JSON at byte"},
        {"{\"x\xff\":{" + good + "}}", 8, "the header is not valid JSON at byte"},
    };
    for (const Case& c : cases) {
        INFO(c.header);
        CHECK_THROWS_WITH(parse_safetensors(file_of(c.header, c.data_bytes)),
                          ContainsSubstring("w.safetensors: ") && ContainsSubstring(c.message));
    }
}

TEST_CASE("a file too short for its header is refused") {
    const std::array<std::byte, 5> few{};
    CHECK_THROWS_WITH(parse_safetensors(copy_bytes("w", few)), ContainsSubstring("5 bytes"));
    CHECK_THROWS_WITH(parse_safetensors(copy_bytes("w", {})), ContainsSubstring("0 bytes"));
    const uint64_t length = 1ULL << 60;
    CHECK_THROWS_WITH(parse_safetensors(copy_bytes("w", std::as_bytes(std::span(&length, 1)))),
                      ContainsSubstring("doesn't fit"));
}

TEST_CASE("a missing file and a folder are named") {
    CHECK_THROWS_WITH(read_safetensors("/nonexistent/w.safetensors"),
                      ContainsSubstring("/nonexistent/w.safetensors: can't be opened: No such"));
    CHECK_THROWS_WITH(read_safetensors(test::temporary_folder()),
                      ContainsSubstring("not a regular file"));
}

TEST_CASE("names that are not UTF-8 cannot be written") {
    const fs::path file = test::temporary_folder() / "w.safetensors";
    CHECK_THROWS_WITH(write_safetensors(file, {{"\xff", tensor_of<float>(DType::f32, {1}, {3.f})}}),
                      ContainsSubstring("not UTF-8"));
    CHECK_FALSE(fs::exists(file));
}

TEST_CASE("the real DeiT-Tiny has timm's 152 tensors") {
    COMQ_NEED_ASSETS(assets);
    const SafetensorsFile file =
        read_safetensors(assets / "weights/deit_tiny_patch16_224.safetensors");
    CHECK(file.tensors.size() == 152);
    CHECK(file.tensors.at("blocks.3.attn.qkv.weight").shape == std::vector<int64_t>{576, 192});
    CHECK(file.tensors.at("head.bias").shape == std::vector<int64_t>{1000});
}
