#include <filesystem>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

TEST_CASE("CIFAR-10 records become pixels, labels and distinct content hashes") {
    const fs::path root = temporary_folder();
    write_text(root / "test_batch.bin", cifar_records({3, 9}));
    const auto source = open_layout("cifar10", root);
    REQUIRE(source->size() == 2);
    CHECK(source->classes() == 10);
    CHECK(source->info(1).label == 9);
    CHECK(source->info(1).id == "test_batch.bin:1");
    CHECK(source->content(0) != source->content(1));
    const RgbImage image = source->load(1);
    REQUIRE(image.pixels.size() == 3072);
    // Pixel (2, 5) is byte 69 of each plane; a plane begins 1024 + 50 higher.
    CHECK(image.row(2)[15] == (69 + 1) % 256);
    CHECK(image.row(2)[16] == (69 + 1024 + 50 + 1) % 256);
    CHECK(image.row(2)[17] == (69 + 2048 + 100 + 1) % 256);
}

TEST_CASE("the training batches of a folder follow each other") {
    const fs::path root = temporary_folder();
    write_text(root / "data_batch_2.bin", cifar_records({2, 3, 4}));
    write_text(root / "data_batch_1.bin", cifar_records({0, 1}));
    write_text(root / "test_batch.bin", cifar_records({9}));
    write_text(root / "batches.meta.txt", "airplane\n");
    const auto source = open_layout("cifar10", root, Split::calibration);
    REQUIRE(source->size() == 5);
    for (int64_t i = 0; i < 5; ++i) CHECK(source->info(i).label == i);
    CHECK(source->info(2).id == "data_batch_2.bin:0");
}

TEST_CASE("CIFAR-100 counts the fine label, the second byte") {
    const fs::path root = temporary_folder();
    write_text(root / "test.bin", cifar_records({99, 42}, 2));
    const auto source = open_layout("cifar100", root);
    REQUIRE(source->size() == 2);
    CHECK(source->classes() == 100);
    CHECK(source->info(0).label == 99);
    CHECK(source->load(1).row(0)[3] == 2);
}

TEST_CASE("malformed CIFAR files are refused with what to do") {
    const fs::path root = temporary_folder();
    const fs::path file = root / "test_batch.bin";
    CHECK_THROWS_WITH(open_layout("cifar10", root),
                      ContainsSubstring("test_batch*.bin") && ContainsSubstring("data.evaluation"));
    write_text(file, cifar_records({1, 2}) + "x");
    CHECK_THROWS_WITH(open_layout("cifar10", file),
                      ContainsSubstring("6147 bytes") && ContainsSubstring("binary version"));
    write_text(file, "");
    CHECK_THROWS_WITH(open_layout("cifar10", file), ContainsSubstring("0 bytes"));
    write_text(file, cifar_records({1}, 2));
    CHECK_THROWS_WITH(open_layout("cifar10", file), ContainsSubstring("data.layout: cifar100"));
    write_text(file, cifar_records({1, 10}));
    const auto source = open_layout("cifar10", file);
    CHECK(source->info(0).label == 1);
    CHECK_THROWS_WITH(source->info(1),
                      ContainsSubstring("byte 3073") && ContainsSubstring("is 10"));
}

TEST_CASE("the standard test batch holds 10,000 images, all labels in range") {
    COMQ_NEED_ASSETS(assets);
    const auto source = open_layout("cifar10", assets / "cifar10" / "test_batch.bin");
    REQUIRE(source->size() == 10'000);
    std::vector<int> of_class(10, 0);
    for (int64_t i = 0; i < source->size(); ++i) {
        ++of_class.at(static_cast<std::size_t>(source->info(i).label));
    }
    CHECK(of_class == std::vector<int>(10, 1000));
}
