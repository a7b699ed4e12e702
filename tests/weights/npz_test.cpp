#include "weights/npz.hpp"

#include "core/errors.hpp"
#include "support/catch.hpp"
#include "weights/checkpoint.hpp"
#include "weights/checkpoints.hpp"

using namespace comq;
using namespace comq::test;

namespace {

FileBytes npy(const std::string& header, std::size_t data_bytes, char version = 1) {
    std::string bytes("\x93NUMPY", 6);
    bytes += version;
    bytes += '\0';
    bytes += static_cast<char>(header.size());
    bytes += '\0';
    bytes += header + std::string(data_bytes, '\0');
    return copy_bytes("w.npy", std::as_bytes(std::span(bytes)));
}

}  // namespace

TEST_CASE("NumPy's arrays of every type and order are read, compressed or not") {
    for (const char* name : {"arrays.npz", "arrays_compressed.npz"}) {
        INFO(name);
        const Checkpoint file = open_checkpoint(checkpoint(name));
        const TensorMap& tensors = file.tensors;
        CHECK(tensors.size() == 12);
        const std::vector<float> base = ramp(24);
        CHECK(tensors.at("f4").shape == Shape{2, 3, 4});
        CHECK(floats(tensors.at("f4")) == base);
        CHECK(numbers<double>(tensors.at("f8")) == std::vector<double>(base.begin(), base.end()));
        CHECK(tensors.at("f2").as<uint16_t>()[1] == 0xba00);  // −0.75
        CHECK(tensors.at("i2").as<int16_t>()[23] == 4);
        CHECK(tensors.at("i4").as<int32_t>()[0] == -1);
        CHECK(tensors.at("i8").as<int64_t>()[23] == 4);
        CHECK(tensors.at("i1").as<int8_t>()[0] == -1);
        CHECK(numbers<uint8_t>(tensors.at("u1")) == std::vector<double>{0, 1, 2, 3, 4, 5});
        CHECK(tensors.at("flag").dtype == DType::boolean);
        CHECK(tensors.at("folder/fortran").shape == Shape{2, 3, 4});
        CHECK(floats(tensors.at("folder/fortran")) == base);
        CHECK(tensors.at("scalar").shape.empty());
        CHECK(floats(tensors.at("scalar")) == std::vector{0.5f});
        CHECK(tensors.at("empty").shape == Shape{0, 3});
    }
}

TEST_CASE("big-endian arrays are refused by name") {
    CHECK_THROWS_WITH(read_checkpoint(checkpoint("big_endian.npz")),
                      ContainsSubstring("(w.npy): element type >f4 is not supported"));
}

TEST_CASE("malformed .npy files are errors") {
    const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    CHECK(parse_npy(npy(good, 8)).shape == Shape{2});
    CHECK(parse_npy(npy("{'shape':(),'descr':'<f4','fortran_order':True}", 4)).shape.empty());
    const auto refused = [](const FileBytes& file, const char* message) {
        CHECK_THROWS_WITH(parse_npy(file),
                          ContainsSubstring("w.npy: ") && ContainsSubstring(message));
    };
    refused(npy(good, 7), "F32 [2] doesn't fit its 7 bytes");
    refused(npy(good, 9), "F32 [2] doesn't fit its 9 bytes");
    refused(npy(good, 8, 9), "version 9");
    refused(copy_bytes("w.npy", std::as_bytes(std::span(good))), "is not a .npy array");
    refused(npy("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", 16),
            "<c8 is not supported");
    refused(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8),
            "a structure");
    refused(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 8), "doesn't fit");
    refused(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 3), }", 8),
            "doesn't fit");
    for (const char* header :
         {"", "{", "{'descr'", "{'descr': '<f4'}", "{'descr': '<f4, }", "{'order': 1}", "['descr']",
          "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2"}) {
        INFO(header);
        CHECK_THROWS_AS(parse_npy(npy(header, 8)), InputError);
    }
}
