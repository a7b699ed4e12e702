#pragma once

#include <cstdint>
#include <vector>

namespace comq {

/** What a network said about the images it was shown, in the order of the image list. */
struct Predictions {
    std::vector<int64_t> image;       ///< index in the image source
    std::vector<int64_t> label;       ///< true class
    std::vector<int64_t> prediction;  ///< class of the largest logit; the lower index when equal
    std::vector<int64_t> rank;        ///< position of the true class among the logits, from 0
    std::vector<double> margin;       ///< largest logit minus the second largest
    /** KL(full precision ‖ this network) in nats; NaN: there was nothing to compare with. */
    std::vector<double> divergence;
    /**
     * log-softmax as bits of IEEE half precision, `[images, classes]`; empty where it is not kept.
     * Rounding is the finer the more probable a class is, so that divergences lose nothing: logits
     * of 20 are rounded to 2⁻⁷, the logarithm of a probability of 0.9 to 2⁻¹⁴.
     */
    std::vector<uint16_t> log_probability;

    std::size_t size() const { return image.size(); }
};

/** Calls `visit(name, &Predictions::column)` for each column that has one number an image. */
template <typename Visit>
void visit_columns(const Visit& visit) {
    visit("image", &Predictions::image);
    visit("label", &Predictions::label);
    visit("prediction", &Predictions::prediction);
    visit("rank", &Predictions::rank);
    visit("margin", &Predictions::margin);
    visit("divergence", &Predictions::divergence);
}

/** Shares in percent. */
struct Accuracy {
    double top1 = 0.0;
    double top5 = 0.0;
    double top1_standard_error = 0.0;  ///< binomial: 100 · sqrt(p (1 − p) / n)
    int64_t images = 0;
};

Accuracy accuracy_of(const Predictions& predictions);

/** Percent of images on which two networks predict the same class; the images must be the same. */
double agreement(const Predictions& a, const Predictions& b);

/** Adds those of `more` behind those of `predictions`. */
void append(Predictions& predictions, const Predictions& more);

/** Adds image number `at` of `more`. */
void append_image(Predictions& predictions, const Predictions& more, std::size_t at);

/** Appends to `predictions` the outcome of one image with `logits` [classes], no divergence. */
void append_prediction(Predictions& predictions, int64_t image, int64_t label, const float* logits,
                       int64_t classes);

}  // namespace comq
