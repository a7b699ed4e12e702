#include "results/journal_part.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "core/errors.hpp"
#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

TEST_CASE("a layer goes through a journal part unchanged, non-finite numbers included") {
    const fs::path file = test::temporary_folder() / "layer.a.safetensors";
    const RunRecord run = test::sample_run();
    LayerRecord layer = run.layers[1];
    layer.sqnr_db = std::numeric_limits<double>::infinity();
    layer.error = -std::numeric_limits<double>::infinity();
    layer.relative_error = 1.0 / 3;
    REQUIRE(std::isnan(layer.heldout_relative_error));
    write_journal_part(file, to_part(layer));
    const LayerRecord read = layer_from(read_journal_part(file), file);
    test::check_equal(read, layer);
}

TEST_CASE("predictions go through a journal part unchanged") {
    const fs::path file = test::temporary_folder() / "predictions.quantized.0.safetensors";
    const FinishedPredictions finished{
        "quantized", {{4, 9}, {1, 2}, {1, 7}, {0, 31}, {2.5, 0.5}, {0.25, 1e-9}, {1, 2, 3, 4}}};
    write_journal_part(file, to_part(finished));
    const FinishedPredictions read = predictions_from(read_journal_part(file), file);
    CHECK(read.network == "quantized");
    CHECK(read.predictions.image == finished.predictions.image);
    CHECK(read.predictions.label == finished.predictions.label);
    CHECK(read.predictions.prediction == finished.predictions.prediction);
    CHECK(read.predictions.rank == finished.predictions.rank);
    CHECK(read.predictions.margin == finished.predictions.margin);
    CHECK(read.predictions.divergence == finished.predictions.divergence);
    CHECK(read.predictions.log_probability == finished.predictions.log_probability);
}

TEST_CASE("any changed or missing byte of a journal part is noticed") {
    const fs::path folder = test::temporary_folder();
    const fs::path whole = folder / "whole.safetensors";
    const RunRecord run = test::sample_run();
    write_journal_part(whole, to_part(run.layers[0]));
    const std::string bytes = test::text_of(whole);
    const fs::path damaged = folder / "damaged.safetensors";
    const auto check_damaged = [&](const std::string& content) {
        std::ofstream(damaged, std::ios::binary) << content;
        CHECK_THROWS_AS(layer_from(read_journal_part(damaged), damaged), InputError);
    };
    SECTION("cut") {
        for (std::size_t keep = 0; keep < bytes.size(); keep += 13) {
            INFO(keep << " of " << bytes.size() << " bytes");
            check_damaged(bytes.substr(0, keep));
        }
    }
    SECTION("flipped") {
        for (std::size_t i = 0; i < bytes.size(); i += 7) {
            // The header is padded with blanks, which hold nothing.
            if (bytes[i] == ' ') continue;
            INFO("byte " << i);
            std::string changed = bytes;
            changed[i] = static_cast<char>(changed[i] ^ 1);
            check_damaged(changed);
        }
    }
}

TEST_CASE("a part of the wrong kind is refused") {
    const fs::path file = test::temporary_folder() / "part.safetensors";
    const FinishedPredictions finished{"quantized", {{4}, {1}, {1}, {0}, {1}, {0}, {}}};
    CHECK_THROWS_WITH(layer_from(to_part(finished), file),
                      ContainsSubstring("part.safetensors: its record is unreadable"));
    const LayerRecord layer = test::sample_run().layers[0];
    CHECK_THROWS_WITH(predictions_from(to_part(layer), file),
                      ContainsSubstring("part.safetensors: its record is unreadable"));
    JournalPart uneven = to_part(finished);
    const std::vector<int64_t> none;
    uneven.tensors["rank"] = HostTensor::copy_of<int64_t>(DType::i64, {0}, none);
    CHECK_THROWS_WITH(predictions_from(uneven, file),
                      ContainsSubstring("part.safetensors: its columns differ in length"));
}
