#include "storage/float8.hpp"

#include <cmath>
#include <limits>

#include "storage/safetensors.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

float value(Float8 format, int code) {
    const std::array codes{static_cast<std::byte>(code)};
    return widened(format, {1}, codes).as<float>()[0];
}

}  // namespace

// Table 1 of arXiv 2209.05433.
TEST_CASE("8-bit floats have the limits of their formats") {
    CHECK(value(Float8::e4m3fn, 0b0'1111'110) == 448.0F);
    CHECK(value(Float8::e4m3fn, 0b1'0001'000) == -0.015625F);
    CHECK(value(Float8::e4m3fn, 0b0'0000'111) == std::ldexp(0.875F, -6));
    CHECK(value(Float8::e4m3fn, 0b0'0000'001) == std::ldexp(1.0F, -9));
    CHECK(std::isnan(value(Float8::e4m3fn, 0b0'1111'111)));
    CHECK(std::isnan(value(Float8::e4m3fn, 0b1'1111'111)));
    CHECK(value(Float8::e5m2, 0b0'11110'11) == 57344.0F);
    CHECK(value(Float8::e5m2, 0b0'00001'00) == std::ldexp(1.0F, -14));
    CHECK(value(Float8::e5m2, 0b0'00000'11) == std::ldexp(0.75F, -14));
    CHECK(value(Float8::e5m2, 0b1'00000'01) == -std::ldexp(1.0F, -16));
    CHECK(value(Float8::e5m2, 0b1'11111'00) == -std::numeric_limits<float>::infinity());
    CHECK(std::isnan(value(Float8::e5m2, 0b0'11111'01)));
    CHECK(std::signbit(value(Float8::e5m2, 0b1'00000'00)));
}

TEST_CASE("8-bit floats of a safetensors file are float32") {
    const std::string header = R"({"a":{"dtype":"F8_E4M3","shape":[2,1],"data_offsets":[0,2]},)"
                               R"("b":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[2,3]}})";
    const uint64_t length = header.size();
    std::string content(reinterpret_cast<const char*>(&length), sizeof(length));
    content += header + "\x38\xb8\x3c";
    const auto tensors =
        parse_safetensors(copy_bytes("w", std::as_bytes(std::span(content)))).tensors;
    CHECK(tensors.at("a").dtype == DType::f32);
    CHECK(tensors.at("a").shape == std::vector<int64_t>{2, 1});
    CHECK(tensors.at("a").as<float>()[0] == 1.0F);
    CHECK(tensors.at("a").as<float>()[1] == -1.0F);
    CHECK(tensors.at("b").as<float>()[0] == 1.0F);
}
