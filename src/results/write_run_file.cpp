#include "results/run_file.hpp"

#include <string>
#include <vector>

#include "core/check.hpp"
#include "results/record_columns.hpp"
#include "storage/atomic_file.hpp"
#include "storage/hdf5.hpp"

namespace comq {

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
    activations.write_attribute("description", "ranges in which the inputs of layers were rounded");
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
    group.write_attribute("units", "percent");
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
    in_top5.write_attribute("units", "1");
    in_top5.write_attribute("long_name", "1: the label is among the five highest logits");
}

void write_evaluations(Hdf5Group& group, const Evaluations& of) {
    if (of.agreement) group.write_attribute("agreement", *of.agreement);
    if (of.full_precision) {
        write_evaluation(group.create_group("full_precision"), *of.full_precision);
    }
    if (of.quantized) write_evaluation(group.create_group("quantized"), *of.quantized);
}

void write_sets(Hdf5Group sets, const std::vector<SetRecord>& records) {
    sets.write_attribute("description", "evaluations on the sets of evaluation.sets");
    for (const SetRecord& record : records) {
        Hdf5Group group = sets.create_group(record.name);
        group.write_attribute("evaluation_images", record.images);
        write_evaluations(group, record);
    }
}

void write_provenance(Hdf5Group group, const Provenance& provenance) {
    visit_fields(provenance,
                 [&](const char* name, const auto& value) { group.write_attribute(name, value); });
}

void write_model_size(Hdf5Group group, const ModelSize& size) {
    group.write_attribute("float_bytes", size.float_bytes);
    group.write_attribute("quantized_bytes", size.quantized_bytes);
    group.write_attribute("average_bits_with_scales", size.average_bits_with_scales);
}

void write_run(Hdf5Group root, const RunRecord& run) {
    root.write_attribute("schema_version", run_schema_version);
    root.write_attribute("status", complete_status);
    root.write_attribute("config", run.config);
    root.write_attribute("identity", run.identity);
    root.write_attribute("uses_labels", run.uses_labels);
    root.write_attribute("uses_gradients", run.uses_gradients);
    write_provenance(root.create_group("provenance"), run.provenance);
    Hdf5Group evaluation = root.create_group("evaluation");
    write_evaluations(evaluation, run);
    if (!run.sets.empty()) write_sets(evaluation.create_group("sets"), run.sets);
    write_model_size(root.create_group("model_size"), run.model_size);
    write_columns(root.create_group("layers"), columns_of(run.layers));
    const std::string image = "path of the image below the calibration folder";
    write_columns(root.create_group("calibration"), {{"image", "", image, run.calibration_images}});
    write_columns(root.create_group("heldout"), {{"image", "", image, run.heldout_images}});
    write_columns(root.create_group("stages"), columns_of(run.stages));
    if (!run.sensitivities.empty()) {
        write_columns(root.create_group("sensitivity"), columns_of(run.sensitivities));
    }
    if (!run.rotations.empty()) {
        write_columns(root.create_group("rotations"), columns_of(run.rotations));
    }
    write_codes(root.create_group("codes"), run.layers);
    if (!run.activations.empty()) {
        write_activations(root.create_group("activations"), run.activations);
    }
    Hdf5Group parameters = root.create_group("parameters");
    parameters.write_attribute("description", "other tensors that changed");
    for (const auto& [name, tensor] : run.parameters) parameters.write_tensor(name, tensor);
}

}  // namespace

void write_run_file(const std::filesystem::path& file, const RunRecord& run) {
    std::error_code ignored;  // write_file_atomically names the folder that is missing
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), ignored);
    Hdf5File hdf5 = Hdf5File::create_in_memory(file.string());
    write_run(hdf5.root(), run);
    write_file_atomically(file, hdf5.image());
}

}  // namespace comq
