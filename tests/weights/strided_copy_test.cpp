#include "weights/strided_copy.hpp"

#include <array>
#include <numeric>

#include "support/catch.hpp"

using namespace comq;

namespace {

HostTensor counting(std::vector<int64_t> shape) {
    const int64_t count =
        std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
    std::vector<int32_t> values(static_cast<std::size_t>(count));
    std::iota(values.begin(), values.end(), 0);
    return HostTensor::copy_of<int32_t>(DType::i32, std::move(shape), values);
}

}  // namespace

TEST_CASE("contiguity ignores the strides of dimensions of one") {
    using V = std::vector<int64_t>;
    CHECK(is_contiguous(V{2, 3}, V{3, 1}));
    CHECK(is_contiguous(V{1, 3, 1}, V{99, 1, 42}));
    CHECK(is_contiguous(V{}, V{}));
    CHECK_FALSE(is_contiguous(V{2, 3}, V{1, 2}));
    CHECK_FALSE(is_contiguous(V{2, 3}, V{4, 1}));
}

TEST_CASE("a permutation puts every element where its indices say") {
    const HostTensor tensor = counting({2, 3, 4, 5});
    for (std::array<int64_t, 4> axes{0, 1, 2, 3};;) {
        const HostTensor permuted = permute(tensor, axes);
        std::array<int64_t, 4> shape{};
        for (std::size_t d = 0; d < 4; ++d)
            shape[d] = tensor.shape[static_cast<std::size_t>(axes[d])];
        REQUIRE(permuted.shape == std::vector<int64_t>(shape.begin(), shape.end()));
        std::size_t element = 0;
        std::array<int64_t, 4> index{};
        for (index[0] = 0; index[0] < shape[0]; ++index[0])
            for (index[1] = 0; index[1] < shape[1]; ++index[1])
                for (index[2] = 0; index[2] < shape[2]; ++index[2])
                    for (index[3] = 0; index[3] < shape[3]; ++index[3]) {
                        std::array<int64_t, 4> source{};
                        for (std::size_t d = 0; d < 4; ++d)
                            source[static_cast<std::size_t>(axes[d])] = index[d];
                        const int64_t expected =
                            ((source[0] * 3 + source[1]) * 4 + source[2]) * 5 + source[3];
                        REQUIRE(permuted.as<int32_t>()[element++] == expected);
                    }
        if (!std::next_permutation(axes.begin(), axes.end())) break;
    }
}

TEST_CASE("gathering copies elements of every width, repeats and scalars") {
    const std::vector<uint8_t> bytes{10, 11, 12, 13, 14, 15, 16, 17};
    const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
    const HostTensor every_second =
        gather(DType::u8, std::vector<int64_t>{3}, std::vector<int64_t>{2}, first + 1);
    CHECK(std::vector<uint8_t>(every_second.as<uint8_t>().begin(),
                               every_second.as<uint8_t>().end()) ==
          std::vector<uint8_t>{11, 13, 15});
    const HostTensor repeated =
        gather(DType::i16, std::vector<int64_t>{2, 2}, std::vector<int64_t>{0, 1}, first);
    CHECK(repeated.as<int16_t>()[0] == repeated.as<int16_t>()[2]);
    CHECK(repeated.as<int16_t>()[1] == 12 + 13 * 256);
    const HostTensor scalar = gather(DType::i64, {}, {}, first);
    CHECK(scalar.numel() == 1);
    CHECK(scalar.bytes()[7] == std::byte{17});
    CHECK(gather(DType::f32, std::vector<int64_t>{0, 5}, std::vector<int64_t>{5, 1}, nullptr)
              .numel() == 0);
}
