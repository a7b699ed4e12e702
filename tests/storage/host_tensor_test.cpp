#include "storage/host_tensor.hpp"

#include <limits>

#include "support/catch.hpp"

using namespace comq;

TEST_CASE("every dtype's name leads back to it") {
    for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64,
                              DType::i32, DType::i16, DType::i8, DType::u8, DType::boolean}) {
        CHECK(dtype_named(name_of(dtype)) == dtype);
    }
    CHECK(size_of(DType::f64) == 8);
    CHECK(size_of(DType::bf16) == 2);
    CHECK(size_of(DType::boolean) == 1);
    CHECK_FALSE(dtype_named("F8_E4M3"));
}

TEST_CASE("sizes in bytes are checked for overflow") {
    using Shape = std::vector<int64_t>;
    const int64_t huge = std::numeric_limits<int64_t>::max();
    CHECK(checked_nbytes(DType::f32, Shape{3, 4}) == 48u);
    CHECK(checked_nbytes(DType::f32, Shape{}) == 4u);
    CHECK(checked_nbytes(DType::f64, Shape{5, 0}) == 0u);
    CHECK_FALSE(checked_nbytes(DType::f32, Shape{-1}));
    CHECK_FALSE(checked_nbytes(DType::i8, Shape{huge, 2}));
    CHECK_FALSE(checked_nbytes(DType::f32, Shape{huge}));
}

TEST_CASE("a tensor over unaligned bytes copies them, over aligned bytes shares them") {
    alignas(8) static const float values[3] = {1.5f, -2.0f, 0.25f};
    const auto* bytes = reinterpret_cast<const std::byte*>(values);
    std::shared_ptr<std::byte[]> shifted(new std::byte[sizeof(values) + 1]);
    std::copy(bytes, bytes + sizeof(values), shifted.get() + 1);

    const std::shared_ptr<const std::byte> unaligned(shifted, shifted.get() + 1);
    const HostTensor copied = HostTensor::over(DType::f32, {3}, unaligned);
    CHECK(copied.data != unaligned);
    CHECK(copied.as<float>()[1] == -2.0f);

    const std::shared_ptr<const std::byte> aligned(shifted, bytes);
    CHECK(HostTensor::over(DType::f32, {3}, aligned).data == aligned);
}

TEST_CASE("shapes are printed as in Python") {
    CHECK(format_shape({3, 224, 224}) == "[3, 224, 224]");
    CHECK(format_shape({}) == "[]");
}
