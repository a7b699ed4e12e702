#include "export/network_job.hpp"

#include <ATen/CPUGeneratorImpl.h>

#include "core/errors.hpp"
#include "export/export_formats.hpp"
#include "torch_bridge/bridge.hpp"

namespace comq {

namespace {

constexpr uint64_t probe_seed = 20240313;

/** Random images, and what the network makes of them. */
TensorMap probe_of(ExportedRun& run, Tap* tap) {
    const torch::InferenceMode inference;
    const int64_t size = run.model.description->preprocessing.crop;
    auto generator = at::make_generator<at::CPUGeneratorImpl>(probe_seed);
    const auto images = torch::randn({2, 3, size, size}, generator);
    const auto logits = run.network().forward(images, tap);
    return {{"images", to_host(images)}, {"logits", to_host(logits)}};
}

std::vector<float> floats_of(const torch::Tensor& tensor) {
    const auto values = tensor.to(torch::kFloat).contiguous();
    return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

}  // namespace

nlohmann::json network_job(ExportedRun& run, const PythonJob& folder, const std::string& task,
                           bool with_rounding) {
    const ModelDescription& model = *run.model.description;
    folder.give("network", run.state());
    folder.give("probe", probe_of(run, with_rounding ? run.tap() : nullptr));
    const ModelConfig& config = run.config.model;
    // The checkpoint is the program, where the weights are in it.
    const std::filesystem::path program = config.program.empty()   ? std::filesystem::path()
                                          : config.weights.empty() ? run.model.checkpoint
                                                                   : config.program;
    nlohmann::json job{{"task", task},
                       {"program", program.string()},
                       {"model",
                        {{"name", model.name},
                         {"family", model.family},
                         {"classes", model.classes},
                         {"image_size", model.preprocessing.crop},
                         {"window", model.window}}},
                       {"activations", nlohmann::json::array()},
                       {"metadata", provenance_of(run)}};
    if (model.norm_eps) job["model"]["norm_eps"] = *model.norm_eps;
    return job;
}

nlohmann::json rounding_job(const ExportedRun& run) {
    nlohmann::json roundings = nlohmann::json::array();
    const ActivationConfig& config = run.config.activations;
    if (!run.record.activations.empty() && !config.calibrated()) {
        throw UsageError(
            "{}: its input ranges are those of each token, found while the network runs; this "
            "format has ranges of its own for that only at 8 bits. Run it with "
            "activations.granularity=per_tensor, or without activations.bits",
            run.file);
    }
    for (const ActivationRecord& record : run.record.activations) {
        const RoundingGrid grid =
            rounding_grid({to_torch(record.minimum), to_torch(record.maximum)},
                          static_cast<int>(record.bits), config.symmetric);
        roundings.push_back({{"layer", record.layer},
                             {"bits", record.bits},
                             {"scale", floats_of(grid.scale)},
                             {"lowest", floats_of(grid.lowest)}});
    }
    return roundings;
}

nlohmann::json layers_job(const ExportedRun& run, const PythonJob& folder) {
    nlohmann::json layers = nlohmann::json::array();
    TensorMap tensors;
    for (const LayerRecord& record : run.record.layers) {
        const WeightLayout layout = weight_layout(run.network(), run.layer(record.name));
        layers.push_back({{"name", record.name},
                          {"kind", record.kind},
                          {"bits", record.bits},
                          {"groups", record.groups},
                          {"out_features", record.out_features},
                          {"in_features", record.in_features},
                          {"parameters", layout.tensors},
                          {"sizes", layout.sizes},
                          {"order", layout.order},
                          {"shape", layout.shape}});
        tensors[record.name + ".bit_code"] = record.bit_code;
        tensors[record.name + ".scale"] = record.scale;
        tensors[record.name + ".zero_point"] = record.zero_point;
    }
    folder.give("layers", tensors);
    return layers;
}

}  // namespace comq
