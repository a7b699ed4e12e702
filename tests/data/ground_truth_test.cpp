#include "data/ground_truth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "data/devkit_order.hpp"
#include "data/synsets.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;
using namespace std::string_literals;
namespace fs = std::filesystem;

namespace {

const std::string first = "ILSVRC2012_val_00000001.JPEG";
const std::string second = "ILSVRC2012_val_00000002.JPEG";

GroundTruth truth_of(const std::string& text, const fs::path& synsets = {}) {
    static const fs::path file = temporary_folder() / "truth.txt";
    write_text(file, text);
    return GroundTruth::read(file, synsets);
}

}  // namespace

TEST_CASE("ids of the development kit become the index of the sorted wnid") {
    // The kit's first ids are 490 and 361, a sea snake and an alp: 65 and 970.
    const GroundTruth truth = truth_of("490\n361\n171\n822\n297\n482\n");
    CHECK(truth.classes() == 1000);
    CHECK(truth.labels_of(first).front() == 65);
    CHECK(truth.labels_of(second).front() == 970);
    CHECK(truth.labels_of("ILSVRC2012_val_00000006.JPEG").front() == 57);
    CHECK_THROWS_WITH(truth_of("490\n1001\n"), ContainsSubstring("1001"));

    std::vector<bool> seen(1000, false);
    for (int64_t id = 1; id <= 1000; ++id)
        seen.at(static_cast<std::size_t>(label_of_devkit_id(id))) = true;
    CHECK(std::count(seen.begin(), seen.end(), true) == 1000);
}

TEST_CASE("the other forms of ground truth give the same labels") {
    const fs::path synsets = temporary_folder() / "synsets.txt";
    write_text(synsets, "n01\nn02\nn03\n");
    const std::vector<std::string> forms{
        first + " 2\n" + second + " 0\n",
        "val/" + first + "\t2\r\nval/" + second + "\t0\r\n\r\n",
        "ImageId,PredictionString\nILSVRC2012_val_00000001,n03 85 1 499 272\n"
        "ILSVRC2012_val_00000002,n01 1 2 3 4 n01 5 6 7 8\n",
        "n03\nn01\n",
        "2\n0\n",
    };
    for (const std::string& text : forms) {
        CAPTURE(text);
        const GroundTruth truth = truth_of(text, synsets);
        CHECK(truth.classes() == 3);
        CHECK(truth.labels_of(first).front() == 2);
        CHECK(truth.labels_of(second).front() == 0);
    }
    // Without data.synsets the wnids that occur are numbered.
    CHECK(truth_of("n03\nn01\n").labels_of(first).front() == 1);
}

TEST_CASE("malformed ground truth is refused with file and line") {
    const fs::path synsets = temporary_folder() / "synsets.txt";
    write_text(synsets, "n01\nn02\n");
    CHECK_THROWS_WITH(truth_of(""), ContainsSubstring("is empty"));
    CHECK_THROWS_WITH(truth_of("a.JPEG 1\nb.JPEG x\n"),
                      ContainsSubstring("truth.txt:2") && ContainsSubstring("'x'"));
    CHECK_THROWS_WITH(truth_of("a.JPEG 1\nb.JPEG -1\n"), ContainsSubstring("truth.txt:2"));
    CHECK_THROWS_WITH(truth_of("a.JPEG 1\n7\n"), ContainsSubstring("truth.txt:2"));
    CHECK_THROWS_WITH(truth_of("a.JPEG 1\nb.JPEG 1\na.JPEG 0\n"),
                      ContainsSubstring("truth.txt:3") && ContainsSubstring("another label"));
    CHECK_THROWS_WITH(truth_of("a.JPEG n01\nb.JPEG n07\n", synsets),
                      ContainsSubstring("truth.txt:2") && ContainsSubstring("data.synsets"));
    CHECK_THROWS_WITH(truth_of("a.JPEG 2\n", synsets), ContainsSubstring("names 2 classes"));
    CHECK_THROWS_WITH(truth_of("a.JPEG 1\n").labels_of("c.JPEG").front(),
                      ContainsSubstring("no label for c.JPEG"));
    CHECK_THROWS_AS(GroundTruth::read("/nonexistent/val.txt", {}), UsageError);
    CHECK_THROWS_AS(truth_of("a.JPEG 1\n").labels_of("c.JPEG").front(), UsageError);
    CHECK_THROWS_AS(truth_of("a.JPEG n01\nb.JPEG n07\n", synsets), UsageError);
    CHECK_THROWS_AS(truth_of("a.JPEG 1\nb.JPEG -1\n"), InputError);
}

TEST_CASE("lists are read whatever editor wrote them") {
    const std::string lines = first + " 2\r\n" + second + " 0";
    CHECK(truth_of("\xEF\xBB\xBF" + lines).labels_of(first).front() == 2);
    CHECK_THROWS_WITH(truth_of("\xFF\xFEI\0L\0"s), ContainsSubstring("UTF-16"));
    CHECK_THROWS_WITH(truth_of(lines + "\0"s), ContainsSubstring("no text"));
    const fs::path synsets = temporary_folder() / "synsets.txt";
    write_text(synsets, "\xEF\xBB\xBFn01\r\nn02\r\n");
    CHECK(Synsets::read(synsets).label_of("n01") == 0);
    CHECK(Synsets::read(synsets).size() == 2);
}

TEST_CASE("the classes of ILSVRC-2012 need no list") {
    const Synsets synsets = Synsets::read("imagenet");
    CHECK(synsets.size() == 1000);
    CHECK(synsets.label_of("n01440764") == 0);
    CHECK(synsets.label_of("n15075141") == 999);
    COMQ_NEED_ASSETS(assets);
    const Synsets listed = Synsets::read(assets / "imagenet" / "synsets.txt");
    for (int64_t i = 0; i < 1000; ++i) CHECK(synsets.name(i) == listed.name(i));
}

TEST_CASE("ReaL's lists of labels count each, and images of an empty one are left out") {
    const fs::path root = temporary_folder();
    write_jpeg(root / "val" / "n01" / first);
    write_jpeg(root / "val" / "n02" / second);
    write_jpeg(root / "val" / "n02" / "ILSVRC2012_val_00000003.JPEG");
    write_text(root / "real.json", "[[1, 5], [], [4]]");
    DataConfig config;
    config.root = root;
    config.evaluation = config.calibration = root / "val";
    config.labels = root / "real.json";
    for (const char* layout : {"imagefolder", "imagenet_flat"}) {
        config.layout = layout;
        const auto source = open_image_source(config, Split::evaluation);
        REQUIRE(source->size() == 2);
        CHECK(source->classes() == 6);
        CHECK(source->labels(0) == std::vector<int64_t>{1, 5});
        CHECK(source->info(1).id == "n02/ILSVRC2012_val_00000003.JPEG");
        CHECK(source->labels(1) == std::vector<int64_t>{4});
        CHECK(source->load(1).width == 16);
    }
    // Images are other ones where any of their labels is.
    const auto identity = [&] {
        const auto source = open_image_source(config, Split::evaluation);
        return source_identity(*source, std::vector<int64_t>{0, 1});
    };
    const std::string before = identity();
    write_text(root / "real.json", "[[1, 3], [], [4]]");
    CHECK(identity() != before);
    // Each split has labels of its own.
    CHECK(open_image_source(config, Split::calibration)->size() == 3);
    write_text(root / "train.txt", first + " 7\n" + second + " 8\nILSVRC2012_val_00000003 9\n");
    config.calibration_labels = root / "train.txt";
    CHECK(open_image_source(config, Split::calibration)->info(0).label == 7);
    CHECK(open_image_source(config, Split::evaluation)->info(0).label == 1);

    const auto refused = [&](const std::string& text, const std::string& reason) {
        write_text(root / "real.json", text);
        CHECK_THROWS_WITH(open_image_source(config, Split::evaluation),
                          ContainsSubstring("real.json") && ContainsSubstring(reason));
    };
    refused("[[1], [2", "no list of lists");
    refused("{\"1\": 2}", "no list of lists");
    refused("[[1], [-2], [3]]", "no list of lists");
    refused("[]", "no list of lists");
    refused("[[1]]", "no label for n02/" + second);
    refused("[[], [], []]", "no label for any of the 3 images");
    write_text(root / "synsets.txt", "n01\nn02\n");
    config.synsets = root / "synsets.txt";
    refused("[[0], [1], [2]]", "names 2 classes");
}

TEST_CASE("a flat validation folder finds its ground truth by its usual names") {
    const fs::path root = temporary_folder();
    write_jpeg(root / "val" / second);
    write_jpeg(root / "val" / first);
    DataConfig config;
    config.layout = "imagenet_flat";
    config.root = root;
    config.evaluation = config.calibration = root / "val";
    CHECK_THROWS_WITH(open_image_source(config, Split::evaluation),
                      ContainsSubstring("data.labels") && ContainsSubstring("val.txt"));
    CHECK(open_image_source(config, Split::calibration)->info(0).label == -1);

    const auto label_of_first = [&] {
        const auto source = open_image_source(config, Split::evaluation);
        CHECK(source->size() == 2);
        CHECK(source->info(0).id == first);
        return source->info(0).label;
    };
    write_text(root / "ILSVRC2012_devkit_t12" / "data" / "ILSVRC2012_validation_ground_truth.txt",
               "490\n361\n");
    CHECK(label_of_first() == 65);
    config.labels = root / "other.txt";
    write_text(config.labels, first + " 7\n" + second + " 8\n");
    CHECK(label_of_first() == 7);

    write_jpeg(root / "val" / "ILSVRC2012_val_00000003.JPEG");
    CHECK_THROWS_WITH(open_image_source(config, Split::evaluation),
                      ContainsSubstring("ILSVRC2012_val_00000003.JPEG"));
}

TEST_CASE("a training folder of class folders serves the flat layout's calibration") {
    const fs::path root = temporary_folder();
    write_jpeg(root / "n01" / "a.JPEG");
    write_jpeg(root / "n02" / "a.JPEG");
    DataConfig config;
    config.layout = "imagenet_flat";
    config.calibration = root;
    const auto source = open_image_source(config, Split::calibration);
    CHECK(source->size() == 2);
    CHECK(source->info(1).label == 1);
}

TEST_CASE("the published validation list reads in full") {
    COMQ_NEED_ASSETS(assets);
    const GroundTruth truth = GroundTruth::read(assets / "labels" / "ilsvrc2012_val.txt",
                                                assets / "imagenet" / "synsets.txt");
    CHECK(truth.classes() == 1000);
    std::vector<int> of_class(1000, 0);
    for (int i = 1; i <= 50'000; ++i) {
        const int64_t label = truth.labels_of(fmt::format("ILSVRC2012_val_{:08}.JPEG", i)).front();
        ++of_class.at(static_cast<std::size_t>(label));
    }
    CHECK(of_class == std::vector<int>(1000, 50));
}
