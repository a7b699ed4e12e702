#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "points/result_files.hpp"
#include "results/run_record.hpp"

namespace comq::test {

/** What a made-up run of the demo transformer measured. */
struct MadeRun {
    std::vector<std::string> overrides{};  ///< of configs/demo_vit_4bit.yaml
    int64_t right = 90;                    ///< of `images`, by the quantized network
    int64_t images = 100;
    std::string checkpoint = "checkpoint";  ///< what the file of its weights holds
    std::string cpu = "Some CPU";
};

RunRecord record_of(const MadeRun& made);

/** Writes the run into `folder` and reads it as tables do. */
ResultFile result_of(const std::filesystem::path& folder, const std::string& name,
                     const MadeRun& made);

/** A table of the demo transformer; `text` follows its title and config. */
std::filesystem::path spec_with(const std::string& text);

/** Writes `text` into a new folder. */
std::filesystem::path file_with(const std::string& name, const std::string& text);

}  // namespace comq::test
