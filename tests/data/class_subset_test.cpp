#include <filesystem>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "data/image_source.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

TEST_CASE("a subset of classes keeps their images and their labels") {
    const fs::path root = temporary_folder();
    for (const char* wnid : {"n01440764", "n01443537", "n15075141"}) {
        write_jpeg(root / "val" / wnid / "x.JPEG");
    }
    DataConfig config;
    config.evaluation = config.calibration = root / "val";
    config.synsets = "imagenet";
    CHECK(open_image_source(config, Split::evaluation)->valid_classes().empty());
    config.classes = "present";
    const auto present = open_image_source(config, Split::evaluation);
    CHECK(present->size() == 3);
    CHECK(present->classes() == 1000);
    CHECK(present->valid_classes() == std::vector<int64_t>{0, 1, 999});

    config.classes = root / "classes.txt";
    for (const char* list : {"n15075141 toilet tissue\nn01443537\n", "1\n999\n", "999\r\n\r\n1"}) {
        write_text(config.classes, list);
        const auto subset = open_image_source(config, Split::evaluation);
        REQUIRE(subset->size() == 2);
        CHECK(subset->info(0).label == 1);
        CHECK(subset->info(1).label == 999);
        CHECK(subset->info(1).id == "n15075141/x.JPEG");
        CHECK(subset->load(1).width == 16);
        CHECK(subset->valid_classes() == std::vector<int64_t>{1, 999});
    }
    CHECK(open_image_source(config, Split::calibration)->size() == 3);

    const auto refused = [&](const std::string& list, const std::string& reason) {
        write_text(config.classes, list);
        CHECK_THROWS_WITH(open_image_source(config, Split::evaluation),
                          ContainsSubstring("classes.txt") && ContainsSubstring(reason));
    };
    refused("", "names no classes");
    refused("n01440764\nn00\n", "classes.txt:2");
    refused("1\n1000\n", "names 1000 classes");
    refused("17\n", "no image");
    config.synsets.clear();
    refused("n01440764\n", "data.synsets does not say");
    refused("7\n", "the images have 3");
}

TEST_CASE("Kaggle's tree is read through its own lists") {
    const fs::path root = temporary_folder();
    const fs::path images = root / "ILSVRC" / "Data" / "CLS-LOC";
    write_jpeg(images / "train" / "n01440764" / "n01440764_18.JPEG");
    write_jpeg(images / "train" / "n01443537" / "n01443537_2.JPEG");
    write_jpeg(images / "val" / "ILSVRC2012_val_00000001.JPEG");
    write_text(root / "LOC_synset_mapping.txt",
               "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n");
    write_text(root / "LOC_val_solution.csv",
               "ImageId,PredictionString\nILSVRC2012_val_00000001,n01443537 111 108 441 193 \n");
    DataConfig config;
    config.layout = "imagenet_flat";
    config.root = root;
    config.calibration = images / "train";
    config.evaluation = images / "val";
    config.synsets = root / "LOC_synset_mapping.txt";
    config.labels = root / "LOC_val_solution.csv";
    CHECK(open_image_source(config, Split::evaluation)->info(0).label == 1);
    CHECK(open_image_source(config, Split::calibration)->size() == 2);
    // As class folders: the remedy is named.
    config.layout = "imagefolder";
    config.labels.clear();
    CHECK_THROWS_WITH(open_image_source(config, Split::evaluation),
                      ContainsSubstring("imagenet_flat") && ContainsSubstring("imagenet_kaggle"));
}
