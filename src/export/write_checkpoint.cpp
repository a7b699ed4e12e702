#include <fmt/format.h>

#include "export/checkpoint_layout.hpp"
#include "export/export_formats.hpp"
#include "export/python_job.hpp"
#include "storage/safetensors.hpp"

namespace comq {

namespace {

/** Bits, scales and zero points of each layer, W = scale · (code + zero point), and its tensors. */
std::string quantization_text(const ExportedRun& run, const CheckpointTensors& checkpoint) {
    nlohmann::json layers = nlohmann::json::object();
    for (const LayerRecord& layer : run.record.layers) {
        std::vector<std::string> tensors;
        for (const auto& name : weight_layout(run.network(), run.layer(layer.name)).tensors) {
            const auto& origins = checkpoint.origins.at(name);
            tensors.insert(tensors.end(), origins.begin(), origins.end());
        }
        const auto list = [](const HostTensor& values) {
            const auto floats = values.as<float>();
            return std::vector<float>(floats.begin(), floats.end());
        };
        layers[layer.name] = {{"tensors", tensors},
                              {"bits", layer.bits},
                              {"scale_shape", layer.scale.shape},
                              {"scale", list(layer.scale)},
                              {"zero_point", list(layer.zero_point)}};
    }
    return layers.dump();
}

std::string count_text(const CheckpointTensors& checkpoint, const ExportedRun& run) {
    return fmt::format(
        "{} tensors named as in {}, {} layers with the quantized weights as floats\n",
        checkpoint.tensors.size(), run.model.checkpoint.filename().string(),
        run.record.layers.size());
}

nlohmann::ordered_json details_of(const CheckpointTensors& checkpoint, const ExportedRun& run) {
    return {{"tensors", checkpoint.tensors.size()},
            {"dequantized_layers", run.record.layers.size()}};
}

Written write_safetensors_file(ExportedRun& run, const ExportWishes& wishes) {
    const CheckpointTensors checkpoint = as_checkpoint(run);
    auto metadata = provenance_of(run);
    metadata["format"] = "pt";  // Python's loaders ask for this key
    metadata["quantization"] = quantization_text(run, checkpoint);
    write_safetensors(wishes.output, checkpoint.tensors, metadata);
    return {.weight_bytes = {},
            .text = count_text(checkpoint, run),
            .details = details_of(checkpoint, run)};
}

Written write_pth(ExportedRun& run, const ExportWishes& wishes) {
    const CheckpointTensors checkpoint = as_checkpoint(run);
    const PythonJob folder(wishes.output);
    folder.give("checkpoint", checkpoint.tensors);
    folder.run({{"task", "pth"}, {"program", ""}});
    folder.publish(wishes.output);
    return {.weight_bytes = {},
            .text = count_text(checkpoint, run),
            .details = details_of(checkpoint, run)};
}

}  // namespace

const ExportFormat safetensors_format{
    .name = "safetensors",
    .summary = "a checkpoint of floats under the names of the one that the run began with",
    .write = write_safetensors_file};

const ExportFormat pth_format{
    .name = "pth", .summary = "the same as a file of torch.save", .write = write_pth};

}  // namespace comq
