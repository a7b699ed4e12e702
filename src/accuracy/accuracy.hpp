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

    std::size_t size() const { return image.size(); }
};

/** A column of Predictions, all of which are of one length. */
struct PredictionColumn {
    const char* name;
    std::vector<int64_t> Predictions::*values;
};
inline constexpr PredictionColumn prediction_columns[] = {{"image", &Predictions::image},
                                                          {"label", &Predictions::label},
                                                          {"prediction", &Predictions::prediction},
                                                          {"rank", &Predictions::rank}};

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

/** Appends to `predictions` the outcome of one image with `logits` [classes]. */
void append_prediction(Predictions& predictions, int64_t image, int64_t label, const float* logits,
                       int64_t classes);

}  // namespace comq
