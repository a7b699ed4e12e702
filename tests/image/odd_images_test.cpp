// Every odd image that make_odd_images.py writes, as the Pillow of this machine reads it.
#include <set>

#include "core/errors.hpp"
#include "image/decode.hpp"
#include "image/images.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/python.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

/** Read by Pillow and refused here, in words that name the variant. */
const std::set<std::string> refused_variants{"png_no_end.png",
                                             "png_wrong_data_checksum.png",
                                             "bmp_32_swapped.bmp",
                                             "bmp_555.bmp",
                                             "bmp_565.bmp",
                                             "bmp_palette_of_2.bmp",
                                             "bmp_run_length.bmp",
                                             "tiff_bilevel.tif",
                                             "tiff_cmyk.tif",
                                             "tiff_float.tif",
                                             "tiff_grey16.tif",
                                             "tiff_grey_alpha.tif",
                                             "tiff_group4.tif",
                                             "tiff_int32.tif",
                                             "tiff_jpeg.tif",
                                             "tiff_jpeg_grey.tif",
                                             "tiff_lab.tif",
                                             "tiff_orientation2.tif",
                                             "tiff_orientation3.tif",
                                             "tiff_orientation4.tif",
                                             "tiff_orientation5.tif",
                                             "tiff_orientation6.tif",
                                             "tiff_orientation7.tif",
                                             "tiff_orientation8.tif",
                                             "tiff_palette.tif",
                                             "tiff_rgba.tif",
                                             "tiff_white_is_zero.tif",
                                             "tiff_ycbcr.tif",
                                             "webp_animated.webp"};

bool is_refused_variant(const std::string& name) {
    return refused_variants.contains(name) || name.starts_with("foreign_");
}

/** What decode_image says when it refuses a file; empty when it reads it. */
std::string refusal(const fs::path& file) {
    try {
        read_image(file);
        return "";
    } catch (const InputError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("odd images are decoded to Pillow's pixels or refused by name") {
    const auto python = python_with("numpy, PIL");
    if (!python) {
        skip("python", "Python with numpy and Pillow");
        return;
    }
    const fs::path folder = temporary_folder();
    REQUIRE(run_python(*python + " -W ignore -B",
                       source_dir() / "tests" / "image" / "make_odd_images.py", folder.string()));
    const auto table = read_table(folder / "pixels.txt");
    REQUIRE(table.size() > 190);
    for (const auto& row : table) {
        const std::string& name = row[0];
        CAPTURE(name);
        const std::string reason = refusal(folder / name);
        if (row[1] == "refused" || is_refused_variant(name)) {
            CHECK_THAT(reason, ContainsSubstring(name));
            continue;
        }
        CHECK(reason == "");
        if (!reason.empty()) continue;
        const RgbImage image = read_image(folder / name);
        CHECK(image.height == std::stoi(row[1]));
        CHECK(image.width == std::stoi(row[2]));
        CHECK(digest(image) == row[3]);
    }
    CHECK_THAT(refusal(folder / "jpeg_bomb.jpg"),
               ContainsSubstring("65500 × 65500") && ContainsSubstring("178956970"));
    CHECK_THAT(refusal(folder / "webp_animated.webp"), ContainsSubstring("an animated WebP"));
    CHECK_THAT(refusal(folder / "foreign_GIF.jpg"),
               ContainsSubstring("a GIF") && ContainsSubstring("convert it to PNG"));
}
