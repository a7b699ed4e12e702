#include "points/point.hpp"

#include "sweep/sweep_files.hpp"

using namespace comq;

namespace {

std::vector<std::string> labels_of(const PointSet& sweep) {
    std::vector<std::string> labels;
    for (const auto& point : sweep.points) labels.push_back(point.label);
    return labels;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a key is named by as many of its last parts as tell it apart") {
    CHECK(short_keys({"quantization.bits", "seed"}) == Texts{"bits", "seed"});
    CHECK(short_keys({"calibration.images", "evaluation.images", "quantization.bits"}) ==
          Texts{"calibration.images", "evaluation.images", "bits"});
    CHECK(short_keys({"a.x.bits", "a.y.bits", "bits"}) == Texts{"x.bits", "y.bits", "bits"});
}

TEST_CASE("a label has the keys whose values differ, and of paths the file") {
    const test::SweepFolder folder;
    CHECK(labels_of(folder.open(
              "grid: {quantization.bits: [3, 4], quantization.order: [greedy], seed: [0, 1]}\n")) ==
          Texts{"bits=3 seed=0", "bits=3 seed=1", "bits=4 seed=0", "bits=4 seed=1"});
    CHECK(labels_of(folder.open("grid: {quantization.bits: [3]}\n")) == Texts{"bits=3"});
    CHECK(labels_of(folder.open("grid: {model.weights: [/x/a.pth, /x/b.pth]}\n")) ==
          Texts{"weights=a.pth", "weights=b.pth"});
    const auto same_names = labels_of(folder.open("grid: {model.weights: [/x/a.pth, /y/a.pth]}\n"));
    CHECK_THAT(same_names[0], ContainsSubstring("/x/a.pth"));
}
