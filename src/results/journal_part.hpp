#pragma once

#include <filesystem>
#include <string>

#include "accuracy/accuracy.hpp"
#include "results/run_record.hpp"
#include "storage/host_tensor.hpp"

namespace comq {

/**
 * One file of a journal: tensors and a JSON record in a safetensors file whose metadata carries
 * the SHA-256 of both, so that a file which was cut or changed is told from a whole one.
 */
struct JournalPart {
    std::string record;  ///< JSON
    TensorMap tensors;
};

/** Atomic: the file is whole or absent. */
void write_journal_part(const std::filesystem::path& file, const JournalPart& part);
/** Throws InputError naming the file when it is damaged or of another version. */
JournalPart read_journal_part(const std::filesystem::path& file);

/** Predictions of one network for some of the evaluation images. */
struct FinishedPredictions {
    std::string network;  ///< "full_precision" or "quantized"
    Predictions predictions;
};

JournalPart to_part(const LayerRecord& layer);
JournalPart to_part(const FinishedPredictions& finished);

/** Throw InputError, which names `file`, when something is missing or mis-shaped. */
LayerRecord layer_from(const JournalPart& part, const std::filesystem::path& file);
FinishedPredictions predictions_from(const JournalPart& part, const std::filesystem::path& file);

}  // namespace comq
