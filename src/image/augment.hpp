#pragma once

#include <string_view>

#include "core/random.hpp"
#include "image/preprocessing.hpp"
#include "image/resize.hpp"

namespace comq {

/** One draw of the training transform. */
struct Augmentation {
    Box box;
    bool flip = false;
};

/**
 * Draws torchvision's RandomResizedCrop (area 8–100%, aspect ratio 3/4–4/3, ten tries, else the
 * largest central box of an allowed ratio) and RandomHorizontalFlip (one half) for an image of
 * `size`: a pure function of the stream, so that threads and order of arrival do not matter.
 */
Augmentation draw_augmentation(ImageSize size, const RandomStream& stream);

/**
 * The augmented image, `[crop, crop, 3]`: the drawn box resized to the crop, perhaps mirrored.
 * `RandomStream(seed, "augment").child(image_id)` decides, so the same seed and image give the
 * same image in every run.
 */
RgbImage augment(const RgbImage& image, const Preprocessing& preprocessing, uint64_t seed,
                 std::string_view image_id);

/**
 * Draws a box of 90 to 110% of the sides that resize and central crop take from an image of `size`,
 * anywhere in it, and whether it is mirrored: what evaluation sees, seen a little differently.
 */
Augmentation draw_near_view(ImageSize size, const Preprocessing& preprocessing,
                            const RandomStream& stream);

/** The image so seen, `[crop, crop, 3]`; drawn as in augment(). */
RgbImage near_view(const RgbImage& image, const Preprocessing& preprocessing, uint64_t seed,
                   std::string_view image_id);

}  // namespace comq
