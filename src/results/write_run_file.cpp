#include <string>
#include <vector>

#include "core/check.hpp"
#include "results/layer_columns.hpp"
#include "results/run_file.hpp"
#include "storage/atomic_file.hpp"
#include "storage/hdf5.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

// Codes hold fewer than 8 bits a byte; zlib's fastest level already packs them to nearly that.
constexpr int code_deflate = 1;

void write_codes(Hdf5Group codes, const std::vector<LayerRecord>& layers) {
    codes.write_attribute("description", "W = scale (bit_code + zero_point), rows are outputs");
    for (const LayerRecord& layer : layers) {
        COMQ_CHECK(layer.bit_code.dtype == DType::u8);
        COMQ_CHECK(layer.scale.dtype == DType::f32 && layer.zero_point.dtype == DType::f32);
        Hdf5Group group = codes.create_group(layer.name);
        group.write_tensor("bit_code", layer.bit_code, code_deflate);
        group.write_tensor("scale", layer.scale);
        group.write_tensor("zero_point", layer.zero_point);
    }
}

/** A group without ranges: they were found while the network ran. */
void write_activations(Hdf5Group activations, const std::vector<ActivationRecord>& records) {
    activations.write_attribute("description",
                                std::string("ranges in which the inputs of layers were rounded"));
    for (const ActivationRecord& record : records) {
        Hdf5Group group = activations.create_group(record.layer);
        group.write_attribute("bits", record.bits);
        if (record.minimum.shape.empty()) continue;
        group.write_tensor("minimum", record.minimum);
        group.write_tensor("maximum", record.maximum);
    }
}

void write_evaluation(Hdf5Group group, const EvaluationRecord& evaluation) {
    group.write_attribute("top1", evaluation.top1);
    group.write_attribute("top5", evaluation.top5);
    group.write_attribute("top1_standard_error", evaluation.top1_standard_error);
    group.write_attribute("images", evaluation.images);
    group.write_attribute("units", std::string("percent"));
    Columns columns{
        {"image", "", "path of the image below the evaluation folder", evaluation.image},
        {"label", "1", "class of the image, -1: none", evaluation.label},
        {"prediction", "1", "class with the highest logit", evaluation.prediction}};
    if (!evaluation.margin.empty()) {
        columns.push_back(
            {"margin", "1", "highest logit minus the second highest", evaluation.margin});
    }
    if (!evaluation.kl.empty()) {
        columns.push_back({"kl", "nat", "KL(full precision || quantized)", evaluation.kl});
    }
    const Hdf5Dataset scale = write_columns(group, columns);
    const auto count = static_cast<int64_t>(evaluation.in_top5.size());
    Hdf5Dataset in_top5 = group.write_tensor(
        "in_top5", HostTensor::copy_of<uint8_t>(DType::u8, {count}, evaluation.in_top5));
    in_top5.attach_scale(0, scale);
    in_top5.write_attribute("units", std::string("1"));
    in_top5.write_attribute("long_name",
                            std::string("1: the label is among the five highest logits"));
}

void write_evaluations(Hdf5Group group, const RunRecord& run) {
    if (run.agreement) group.write_attribute("agreement", *run.agreement);
    if (run.full_precision) {
        write_evaluation(group.create_group("full_precision"), *run.full_precision);
    }
    if (run.quantized) write_evaluation(group.create_group("quantized"), *run.quantized);
}

void write_provenance(Hdf5Group group, const Provenance& provenance) {
    visit_fields(provenance, [&](const char* name, const auto& value, const char*) {
        group.write_attribute(name, value);
    });
}

void write_model_size(Hdf5Group group, const ModelSize& size) {
    group.write_attribute("float_bytes", size.float_bytes);
    group.write_attribute("quantized_bytes", size.quantized_bytes);
    group.write_attribute("average_bits_with_scales", size.average_bits_with_scales);
}

void write_sensitivities(Hdf5Group group, const std::vector<SensitivityRecord>& records) {
    std::vector<std::string> units;
    std::vector<int64_t> bits;
    std::vector<double> divergences, errors;
    for (const SensitivityRecord& record : records) {
        units.push_back(record.unit);
        bits.push_back(record.bits);
        divergences.push_back(record.kl);
        errors.push_back(record.kl_standard_error);
    }
    write_columns(group, {{"unit", "", "layer, or block, that alone is quantized", units},
                          {"bits", "bit", "width of its codes", bits},
                          {"kl", "nat", "mean KL(full precision || quantized) of held-out images",
                           divergences},
                          {"kl_standard_error", "nat", "standard error of kl", errors}});
}

void write_rotations(Hdf5Group group, const std::vector<RotationRecord>& records) {
    std::vector<int64_t> trials;
    std::vector<double> divergences, errors;
    for (const RotationRecord& record : records) {
        trials.push_back(record.trial);
        divergences.push_back(record.kl);
        errors.push_back(record.kl_standard_error);
    }
    write_columns(group, {{"trial", "1", "number of the random rotation", trials},
                          {"kl", "nat", "mean KL(full precision || quantized) of held-out images",
                           divergences},
                          {"kl_standard_error", "nat", "standard error of kl", errors}});
}

void write_stages(Hdf5Group group, const std::vector<StageRecord>& stages) {
    std::vector<std::string> names;
    std::vector<double> seconds;
    for (const StageRecord& stage : stages) {
        names.push_back(stage.name);
        seconds.push_back(stage.seconds);
    }
    write_columns(group, {{"name", "", "stage of the run", names},
                          {"seconds", "s", "wall-clock time", seconds}});
}

void write_run(Hdf5Group root, const RunRecord& run) {
    root.write_attribute("schema_version", std::string(run_schema_version));
    root.write_attribute("status", std::string(complete_status));
    root.write_attribute("config", run.config);
    root.write_attribute("identity", run.identity);
    root.write_attribute("uses_labels", run.uses_labels);
    root.write_attribute("uses_gradients", run.uses_gradients);
    write_provenance(root.create_group("provenance"), run.provenance);
    write_evaluations(root.create_group("evaluation"), run);
    write_model_size(root.create_group("model_size"), run.model_size);
    write_columns(root.create_group("layers"), columns_of(run.layers));
    if (!run.sensitivities.empty()) {
        write_sensitivities(root.create_group("sensitivity"), run.sensitivities);
    }
    const std::string image = "path of the image below the calibration folder";
    write_columns(root.create_group("calibration"), {{"image", "", image, run.calibration_images}});
    write_columns(root.create_group("heldout"), {{"image", "", image, run.heldout_images}});
    write_stages(root.create_group("stages"), run.stages);
    write_codes(root.create_group("codes"), run.layers);
    if (!run.rotations.empty()) write_rotations(root.create_group("rotations"), run.rotations);
    if (!run.activations.empty()) {
        write_activations(root.create_group("activations"), run.activations);
    }
    Hdf5Group parameters = root.create_group("parameters");
    parameters.write_attribute("description", std::string("other tensors that changed"));
    for (const auto& [name, tensor] : run.parameters) parameters.write_tensor(name, tensor);
}

}  // namespace

void write_run_file(const fs::path& file, const RunRecord& run) {
    std::error_code ignored;  // write_file_atomically names the folder that is missing
    if (file.has_parent_path()) fs::create_directories(file.parent_path(), ignored);
    Hdf5File hdf5 = Hdf5File::create_in_memory(file.string());
    write_run(hdf5.root(), run);
    write_file_atomically(file, hdf5.image());
}

}  // namespace comq
