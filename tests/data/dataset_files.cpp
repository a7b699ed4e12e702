#include "data/dataset_files.hpp"

#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "support/catch.hpp"

namespace comq::test {

void write_text(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream << text;
    REQUIRE(stream.flush());
}

std::string jpeg_of_grey(int grey) {
    std::vector<uint8_t> bytes;
    REQUIRE(cv::imencode(".jpg", cv::Mat(12, 16, CV_8UC3, cv::Scalar::all(grey)), bytes));
    return {bytes.begin(), bytes.end()};
}

void write_jpeg(const std::filesystem::path& file, int grey) {
    write_text(file, jpeg_of_grey(grey));
}

std::string cifar_records(const std::vector<int>& labels, int label_bytes) {
    std::string records;
    for (std::size_t record = 0; record < labels.size(); ++record) {
        records.append(static_cast<std::size_t>(label_bytes - 1), '\7');
        records.push_back(static_cast<char>(labels[record]));
        for (std::size_t i = 0; i < 3072; ++i) {
            records.push_back(static_cast<char>((i + i / 1024 * 50 + record) % 256));
        }
    }
    return records;
}

std::unique_ptr<ImageSource> open_layout(const std::string& layout,
                                         const std::filesystem::path& path, Split split,
                                         const std::filesystem::path& synsets) {
    DataConfig config;
    config.layout = layout;
    config.calibration = config.evaluation = path;
    config.synsets = synsets;
    return open_image_source(config, split);
}

}  // namespace comq::test
