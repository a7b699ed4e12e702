#include "data/label_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "core/check.hpp"
#include "data/devkit_order.hpp"

namespace comq {

namespace {

constexpr int64_t fewest_images = 20;
constexpr int64_t fewest_images_of_chance = 50;

struct Pair {
    int64_t label;
    int64_t prediction;
};

template <typename Rule>
int64_t count_if_relabelled(const std::vector<Pair>& pairs, Rule relabel) {
    return std::count_if(pairs.begin(), pairs.end(),
                         [&](const Pair& pair) { return relabel(pair.label) == pair.prediction; });
}

int64_t devkit_label(int64_t id) {
    return id >= 1 && id <= devkit_classes ? label_of_devkit_id(id) : -1;
}

/** The classes 0, 1, … sorted as text: 0, 1, 10, 100, 101, … */
std::vector<int64_t> sorted_as_text(int64_t classes) {
    std::vector<int64_t> order(static_cast<std::size_t>(std::max<int64_t>(classes, 0)));
    std::iota(order.begin(), order.end(), int64_t{0});
    std::ranges::sort(order, {}, [](int64_t number) { return std::to_string(number); });
    return order;
}

/** Hits where either the labels or the classes of the network are numbers sorted as text. */
int64_t count_sorted_as_text(const std::vector<Pair>& pairs, int64_t classes) {
    const std::vector<int64_t> order = sorted_as_text(classes);
    const auto is_at = [&](int64_t place, int64_t number) {
        return place < classes && order[static_cast<std::size_t>(place)] == number;
    };
    const auto labels = std::ranges::count_if(
        pairs, [&](const Pair& pair) { return is_at(pair.label, pair.prediction); });
    const auto network = std::ranges::count_if(
        pairs, [&](const Pair& pair) { return is_at(pair.prediction, pair.label); });
    return std::max(labels, network);
}

/** Hits of the best map from labels to predictions, where labels repeat often enough to tell. */
int64_t count_renumbered(const std::vector<Pair>& pairs) {
    std::map<int64_t, std::map<int64_t, int64_t>> predictions_of;
    for (const Pair& pair : pairs) ++predictions_of[pair.label][pair.prediction];
    constexpr int64_t images_a_class = 3;
    if (static_cast<int64_t>(predictions_of.size()) * images_a_class >
        static_cast<int64_t>(pairs.size())) {
        return 0;
    }
    // Classes that are numbered otherwise still differ: a prediction stands for one label only.
    std::map<int64_t, int64_t> hits_of;
    for (const auto& [label, counts] : predictions_of) {
        const auto best =
            std::max_element(counts.begin(), counts.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; });
        hits_of[best->first] = std::max(hits_of[best->first], best->second);
    }
    int64_t hits = 0;
    for (const auto& [prediction, count] : hits_of) hits += count;
    return hits;
}

struct MostFrequent {
    int64_t value = -1;
    int64_t count = 0;
};

MostFrequent most_frequent(const std::vector<Pair>& pairs, int64_t Pair::*member) {
    std::map<int64_t, int64_t> counts;
    for (const Pair& pair : pairs) ++counts[pair.*member];
    MostFrequent most;
    for (const auto& [value, count] : counts) {
        if (count > most.count) most = {value, count};
    }
    return most;
}

/** Hits if labels and predictions could be paired anew. */
int64_t count_repaired(const std::vector<Pair>& pairs) {
    std::map<int64_t, int64_t> surplus;
    for (const Pair& pair : pairs) {
        ++surplus[pair.label];
        --surplus[pair.prediction];
    }
    int64_t unmatched = 0;
    for (const auto& [label, count] : surplus) unmatched += std::max<int64_t>(count, 0);
    return static_cast<int64_t>(pairs.size()) - unmatched;
}

}  // namespace

LabelCheck check_labels(std::span<const int64_t> labels, std::span<const int64_t> predictions,
                        int64_t classes) {
    COMQ_CHECK(labels.size() == predictions.size());
    std::vector<Pair> pairs;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] >= 0) pairs.push_back({labels[i], predictions[i]});
    }
    LabelCheck check;
    check.images = static_cast<int64_t>(pairs.size());
    check.classes = classes;
    check.agreeing = check.explained = count_if_relabelled(pairs, [](int64_t l) { return l; });
    if (check.images < fewest_images) return check;

    const auto predicted = most_frequent(pairs, &Pair::prediction);
    check.most_frequent = predicted.value;
    const bool many_labels = 2 * most_frequent(pairs, &Pair::label).count <= check.images;
    if (many_labels && 10 * predicted.count >= 9 * check.images) {
        check.pattern = LabelPattern::one_class;
        check.explained = predicted.count;
        return check;
    }

    const auto images = static_cast<double>(check.images);
    const double by_chance = images / static_cast<double>(classes);
    const double above_chance = by_chance + 4.0 * std::sqrt(by_chance) + 1.0;
    const auto consider = [&](LabelPattern pattern, int64_t hits) {
        const bool telling = static_cast<double>(hits) > above_chance &&
                             hits >= 2 * check.agreeing && hits > check.explained;
        if (!telling) return;
        check.pattern = pattern;
        check.explained = hits;
    };
    consider(LabelPattern::one_too_high,
             count_if_relabelled(pairs, [](int64_t l) { return l - 1; }));
    consider(LabelPattern::one_too_low,
             count_if_relabelled(pairs, [](int64_t l) { return l + 1; }));
    consider(LabelPattern::text_order, count_sorted_as_text(pairs, classes));
    if (classes == devkit_classes) {
        consider(LabelPattern::devkit_order, count_if_relabelled(pairs, devkit_label));
        consider(LabelPattern::devkit_order,
                 count_if_relabelled(pairs, [](int64_t l) { return devkit_label(l + 1); }));
    }
    if (static_cast<double>(check.agreeing) > above_chance) return check;

    const auto most = [&](int64_t hits) { return 2 * hits > check.images; };
    // Any renumbering moves some classes by one: it is meant where it tells much more.
    const int64_t renumbered = count_renumbered(pairs);
    if (most(renumbered) && (check.plausible() || renumbered >= 2 * check.explained)) {
        check.pattern = LabelPattern::other_order;
        check.explained = renumbered;
        return check;
    }
    if (!check.plausible()) return check;
    check.pattern = LabelPattern::unrelated;
    if (const int64_t paired = count_repaired(pairs); most(paired) && classes >= check.images) {
        check.pattern = LabelPattern::shuffled;
        check.explained = paired;
    }
    return check;
}

bool LabelCheck::at_chance_level() const {
    if (images < fewest_images_of_chance || classes < 2) return false;
    const double share = 1.0 / static_cast<double>(classes);
    const double expected = static_cast<double>(images) * share;
    const double standard_error = std::sqrt(expected * (1.0 - share));
    return static_cast<double>(agreeing) <= expected + 3.0 * standard_error;
}

std::string LabelCheck::finding() const {
    switch (pattern) {
        case LabelPattern::plausible:
            return {};
        case LabelPattern::one_too_high:
            return fmt::format(
                "{} would with every label one lower: labels that count from "
                "1 or have a background class 0? (data.labels, data.synsets)",
                explained);
        case LabelPattern::one_too_low:
            return fmt::format(
                "{} would with every label one higher: is a class missing at "
                "the top of data.synsets?",
                explained);
        case LabelPattern::devkit_order:
            return fmt::format(
                "{} would if the labels were class ids of the ILSVRC2012 "
                "development kit: data.labels or data.synsets is in its order, "
                "not sorted by wnid",
                explained);
        case LabelPattern::text_order:
            return fmt::format(
                "{} would if classes that are called by numbers were sorted as text (0, 1, 10, "
                "100, …) for either the labels or the network, and not for both: give data.synsets "
                "in the network's order",
                explained);
        case LabelPattern::other_order:
            return fmt::format(
                "{} would if the classes were numbered otherwise: data.synsets "
                "or the folders are not sorted as the network's classes",
                explained);
        case LabelPattern::shuffled:
            return fmt::format(
                "{} would if the same labels were given to other images: "
                "data.labels lists them in another order",
                explained);
        case LabelPattern::unrelated:
            return "no better than chance: wrong data.synsets or data.labels, or a checkpoint "
                   "of another data set?";
        case LabelPattern::one_class:
            return fmt::format(
                "the network predicts class {} for {} images whatever they show: random or damaged "
                "weights, or another preprocessing than it was trained with",
                most_frequent, explained);
    }
    return {};
}

std::string LabelCheck::warning() const {
    if (plausible()) return {};
    return fmt::format("{}: {} of {} predictions agree; {}",
                       pattern == LabelPattern::one_class ? "full precision" : "labels", agreeing,
                       images, finding());
}

}  // namespace comq
