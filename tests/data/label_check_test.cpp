#include "data/label_check.hpp"

#include <algorithm>
#include <numeric>

#include "core/random.hpp"
#include "data/devkit_order.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

struct Sample {
    std::vector<int64_t> labels;
    std::vector<int64_t> predictions;
};

/** Random true classes, predicted right with the given share, labelled by `label_of`. */
template <typename LabelOf>
Sample sample(int64_t images, int64_t classes, double accuracy, LabelOf label_of) {
    const RandomStream draw(1, "labels");
    Sample result;
    for (int64_t i = 0; i < images; ++i) {
        const auto counter = static_cast<uint64_t>(3 * i);
        const auto truth =
            static_cast<int64_t>(draw.below(counter, static_cast<uint64_t>(classes)));
        const auto other =
            static_cast<int64_t>(draw.below(counter + 1, static_cast<uint64_t>(classes)));
        result.labels.push_back(label_of(truth));
        result.predictions.push_back(draw.uniform(counter + 2) < accuracy ? truth : other);
    }
    return result;
}

LabelCheck check(const Sample& sample, int64_t classes) {
    return check_labels(sample.labels, sample.predictions, classes);
}

int64_t devkit_id_of(int64_t label) {
    int64_t id = 1;
    while (label_of_devkit_id(id) != label) ++id;
    return id;
}

}  // namespace

TEST_CASE("right labels are plausible for good and for weak networks") {
    const auto same = [](int64_t label) { return label; };
    for (const double accuracy : {0.8, 0.3}) {
        for (const int64_t classes : {1000, 10}) {
            const LabelCheck result = check(sample(100, classes, accuracy, same), classes);
            CHECK(result.plausible());
            CHECK(result.warning().empty());
        }
    }
}

TEST_CASE("shifted labels are recognised by their direction") {
    const LabelCheck up = check(sample(100, 999, 0.7, [](int64_t l) { return l + 1; }), 1000);
    CHECK(up.pattern == LabelPattern::one_too_high);
    CHECK_THAT(up.warning(), ContainsSubstring("one lower"));
    const LabelCheck down = check(sample(100, 1000, 0.7, [](int64_t l) { return l - 1; }), 1000);
    CHECK(down.pattern == LabelPattern::one_too_low);
}

TEST_CASE("the development kit's order is recognised, counted from 1 or from 0") {
    for (const int64_t start : {0, 1}) {
        const auto result = check(
            sample(100, 1000, 0.7, [&](int64_t l) { return devkit_id_of(l) - 1 + start; }), 1000);
        CHECK(result.pattern == LabelPattern::devkit_order);
        CHECK(result.explained > 60);
        CHECK_THAT(result.warning(), ContainsSubstring("development kit"));
    }
}

TEST_CASE("a renumbering that moves some classes by one is told as a renumbering") {
    const auto result =
        check(sample(300, 10, 0.9, [](int64_t label) { return (3 * label + 1) % 10; }), 10);
    CHECK(result.pattern == LabelPattern::other_order);
    const auto shifted =
        check(sample(300, 10, 0.9, [](int64_t label) { return (label + 1) % 10; }), 10);
    CHECK(shifted.pattern == LabelPattern::one_too_high);
}

TEST_CASE("numbers sorted as text are recognised on either side") {
    std::vector<int64_t> order(1000), place(1000);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [](int64_t number) { return std::to_string(number); });
    REQUIRE(order[2] == 10);
    for (std::size_t i = 0; i < order.size(); ++i) {
        place[static_cast<std::size_t>(order[i])] = static_cast<int64_t>(i);
    }
    for (const auto& map : {order, place}) {
        const auto result =
            check(sample(100, 1000, 0.7,
                         [&](int64_t label) { return map[static_cast<std::size_t>(label)]; }),
                  1000);
        CHECK(result.pattern == LabelPattern::text_order);
        CHECK(result.explained > 60);
        CHECK_THAT(result.warning(), ContainsSubstring("sorted as text (0, 1, 10, 100, …)"));
    }
}

TEST_CASE("renumbered classes are recognised where classes repeat") {
    const std::vector<int64_t> order = RandomStream(4, "order").permutation(10);
    const auto result = check(
        sample(100, 10, 0.9, [&](int64_t l) { return order[static_cast<std::size_t>(l)]; }), 10);
    CHECK(result.pattern == LabelPattern::other_order);
}

TEST_CASE("a network that predicts one class says nothing about labels") {
    Sample collapsed = sample(200, 10, 1.0, [](int64_t l) { return l; });
    for (std::size_t i = 0; i < 190; ++i) collapsed.predictions[i] = 7;
    const LabelCheck result = check(collapsed, 10);
    CHECK(result.pattern == LabelPattern::one_class);
    CHECK(result.most_frequent == 7);
    CHECK_THAT(result.warning(),
               ContainsSubstring("predicts class 7") && !ContainsSubstring("data.labels"));
    // Of images of one class it may be right.
    const std::vector<int64_t> sevens(100, 7);
    CHECK(check_labels(sevens, sevens, 10).plausible());
}

TEST_CASE("a network that predicts few classes has not renumbered them") {
    Sample two = sample(200, 10, 1.0, [](int64_t l) { return l; });
    for (int64_t& prediction : two.predictions) prediction = prediction < 5 ? 9 : 0;
    CHECK(check(two, 10).pattern == LabelPattern::unrelated);
}

TEST_CASE("labels of the right images in another order are recognised") {
    Sample shuffled = sample(100, 1000, 0.8, [](int64_t l) { return l; });
    std::rotate(shuffled.labels.begin(), shuffled.labels.begin() + 7, shuffled.labels.end());
    CHECK(check(shuffled, 1000).pattern == LabelPattern::shuffled);
}

TEST_CASE("labels without any relation are told so, and few images tell nothing") {
    const Sample random = sample(100, 1000, 0.0, [](int64_t l) { return l; });
    CHECK(check(random, 1000).pattern == LabelPattern::unrelated);
    const Sample few = sample(15, 1000, 0.0, [](int64_t l) { return l; });
    CHECK(check(few, 1000).plausible());
    const std::vector<int64_t> unlabelled(100, -1);
    CHECK(check_labels(unlabelled, random.predictions, 1000).images == 0);
}
