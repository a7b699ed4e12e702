#include "results/sample_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "results/record_columns.hpp"
#include "support/catch.hpp"

namespace comq::test {

namespace {

HostTensor codes(int64_t rows, int64_t cols, int levels) {
    std::vector<uint8_t> values(static_cast<std::size_t>(rows * cols));
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<uint8_t>(i * 7 % static_cast<std::size_t>(levels));
    }
    return HostTensor::copy_of<uint8_t>(DType::u8, {rows, cols}, values);
}

HostTensor reals(std::vector<int64_t> shape, float first) {
    const int64_t count =
        std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies());
    std::vector<float> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = first + 0.25F * static_cast<float>(i);
    return HostTensor::copy_of<float>(DType::f32, std::move(shape), values);
}

LayerRecord attention_layer() {
    LayerRecord layer;
    layer.name = "blocks.0.attn.qkv";
    layer.kind = "linear";
    layer.in_features = 4;
    layer.out_features = 6;
    layer.bits = 4;
    layer.levels_used = 11;
    layer.error = 12.5;
    layer.relative_error = 0.0625;
    layer.sqnr_db = 24.08;
    layer.rtn_relative_error = 0.1;
    layer.heldout_relative_error = 0.07;
    layer.weight_error = 0.11;
    layer.sweeps = 4;
    layer.seconds = 0.375;
    layer.propagation = 0.5;
    layer.residual_strength = 0.25;
    layer.bit_code = codes(6, 4, 16);
    layer.scale = reals({6, 2}, 0.5F);
    layer.zero_point = reals({6, 2}, -8.0F);
    return layer;
}

LayerRecord convolution_layer() {
    LayerRecord layer;
    layer.name = "features.3.expand3x3";
    layer.kind = "convolution";
    layer.in_features = 9;
    layer.out_features = 2;
    layer.groups = 2;
    layer.bits = 2;
    layer.levels_used = 4;
    layer.error = 3;
    layer.relative_error = 0.25;
    layer.sqnr_db = 12.04;
    layer.rtn_relative_error = 0.5;
    layer.weight_error = 0.33;
    layer.cumulative_error = 0.75;
    layer.sweeps = 1;
    layer.seconds = 0.015625;
    layer.bit_code = codes(2, 9, 4);
    layer.scale = reals({2, 1}, 0.125F);
    layer.zero_point = reals({2, 1}, -2.0F);
    return layer;
}

EvaluationRecord evaluation(std::vector<int64_t> predictions) {
    EvaluationRecord record;
    record.image = {"n01440764/a.JPEG", "n01440764/b.JPEG", "n01443537/c.JPEG", "n01443537/d.JPEG",
                    "n01484850/é.JPEG"};
    record.label = {0, 0, 1, 1, 2};
    record.prediction = std::move(predictions);
    record.in_top5 = {1, 1, 1, 0, 1};
    record.margin = {4, 0.5, 2.25, 0, 8};
    record.images = 5;
    int64_t right = 0;
    for (std::size_t i = 0; i < record.label.size(); ++i) {
        right += record.label[i] == record.prediction[i];
    }
    const double share = static_cast<double>(right) / 5;
    record.top1 = 100 * share;
    record.top5 = 80;
    record.top1_standard_error = 100 * std::sqrt(share * (1 - share) / 5);
    return record;
}

Provenance provenance() {
    Provenance result;
    result.build_commit = "0123456789abcdef0123456789abcdef01234567";
    result.git_commit = "89abcdef0123456789abcdef0123456789abcdef";
    result.git_dirty = true;
    result.git_diff_sha256 = std::string(64, 'd');
    result.comq_version = "0.1.0";
    result.libtorch_version = "2.13.0";
    result.hdf5_version = "1.10.8";
    result.opencv_version = "4.6.0";
    result.compiler = "GCC 12.2.0";
    result.cpu_model = "Some CPU";
    result.instruction_set = "x86_64: avx2 fma";
    result.device = "cpu";
    result.threads = 2;
    result.hostname = "node17";
    result.started_utc = "2026-01-31T12:00:00Z";
    result.finished_utc = "2026-01-31T12:01:30Z";
    result.command_line = "run_experiment configs/demo.yaml 'output.file=a b.h5'";
    result.seed = 3;
    result.checkpoint = "demo.safetensors";
    result.checkpoint_sha256 = std::string(64, 'c');
    result.program_sha256 = std::string(64, 'd');
    result.evaluation_images = std::string(64, 'e');
    result.preprocessing = "resize 0 bilinear, crop 32, mean [0.5, 0.5, 0.5], std [1, 1, 1]";
    result.preprocessing_origin = "of demo_vit";
    result.position_embedding = "from 8 × 8 to 9 × 9 patches";
    result.layer_norm_eps = "1e-12";
    return result;
}

}  // namespace

RunRecord sample_run() {
    RunRecord run;
    run.config =
        "seed: 3\nmodel:\n  name: demo_vit\nquantization:\n  method: comq\n  bits: 4\n"
        "  layers: [{match: head, quantize: false}]\n";
    run.identity = std::string(64, 'a');
    run.uses_gradients = true;
    run.provenance = provenance();
    run.model_size = {1000, 160, 4.5};
    run.full_precision = evaluation({0, 0, 1, 1, 5});
    run.quantized = evaluation({0, 3, 1, 4, 5});
    run.quantized->kl = {0.25, 0.5, 0, 0.125, 0.625};
    run.agreement = 60;
    run.layers = {attention_layer(), convolution_layer()};
    run.sensitivities = {{"blocks.0.attn.qkv", 2, 0.5, 0.0625},
                         {"blocks.0.attn.qkv", 4, 0.03125, 0.0}};
    run.rotations = {{0, 0.5, 0.125}, {1, 0.25, 0.0625}};
    run.activations = {{"blocks.0.attn.qkv", 8, reals({4}, -1.5F), reals({4}, 0.5F)},
                       {"features.3.expand3x3", 8, {}, {}}};
    run.parameters["blocks.0.norm1.bias"] = reals({3}, 1.5F);
    run.calibration_images = {"n01440764/x.JPEG", "n01443537/y.JPEG"};
    run.heldout_images = {"n01440764/held out.JPEG"};
    run.stages = {{"calibrate", 1.25}, {"solve", 0.5}};
    return run;
}

RunRecord sample_run_with_sets() {
    RunRecord run = sample_run();
    for (const char* name : {"v2", "real-labels"}) {
        SetRecord& set = run.sets.emplace_back();
        set.name = name;
        set.images = std::string(64, name[0]);
        set.full_precision = evaluation({0, 0, 1, 7, 5});
        set.quantized = evaluation({0, 3, 4, 4, 5});
        set.quantized->kl = {0.5, 0.5, 0.25, 0.25, 1};
        set.agreement = 40;
    }
    return run;
}

void check_equal(const HostTensor& a, const HostTensor& b) {
    CHECK(a.dtype == b.dtype);
    CHECK(a.shape == b.shape);
    CHECK(std::ranges::equal(a.bytes(), b.bytes()));
}

void check_equal(const LayerRecord& a, const LayerRecord& b) {
    for (const auto& column : record_columns<LayerRecord>()) {
        INFO(column.name << " of " << a.name);
        std::visit(
            [&](auto field) {
                if constexpr (std::is_same_v<decltype(field), double LayerRecord::*>) {
                    CHECK((a.*field == b.*field || (std::isnan(a.*field) && std::isnan(b.*field))));
                } else {
                    CHECK(a.*field == b.*field);
                }
            },
            column.field);
    }
    check_equal(a.bit_code, b.bit_code);
    check_equal(a.scale, b.scale);
    check_equal(a.zero_point, b.zero_point);
}

namespace {

void check_equal(const std::optional<EvaluationRecord>& a,
                 const std::optional<EvaluationRecord>& b) {
    REQUIRE(a.has_value() == b.has_value());
    if (!a) return;
    CHECK(a->top1 == b->top1);
    CHECK(a->top5 == b->top5);
    CHECK(a->top1_standard_error == b->top1_standard_error);
    CHECK(a->images == b->images);
    CHECK(a->image == b->image);
    CHECK(a->label == b->label);
    CHECK(a->prediction == b->prediction);
    CHECK(a->in_top5 == b->in_top5);
    CHECK(a->margin == b->margin);
    CHECK(a->kl == b->kl);
}

std::vector<std::string> fields_of(const Provenance& provenance) {
    std::vector<std::string> fields;
    visit_fields(provenance, [&](const char* name, const auto& value) {
        fields.push_back(fmt::format("{}={}", name, value));
    });
    return fields;
}

}  // namespace

void check_equal(const RunRecord& a, const RunRecord& b) {
    CHECK(a.config == b.config);
    CHECK(a.identity == b.identity);
    CHECK(a.uses_labels == b.uses_labels);
    CHECK(a.uses_gradients == b.uses_gradients);
    CHECK(fields_of(a.provenance) == fields_of(b.provenance));
    CHECK(a.model_size.float_bytes == b.model_size.float_bytes);
    CHECK(a.model_size.quantized_bytes == b.model_size.quantized_bytes);
    CHECK(a.model_size.average_bits_with_scales == b.model_size.average_bits_with_scales);
    check_equal(a.full_precision, b.full_precision);
    check_equal(a.quantized, b.quantized);
    CHECK(a.agreement == b.agreement);
    REQUIRE(a.sets.size() == b.sets.size());
    for (std::size_t i = 0; i < a.sets.size(); ++i) {
        CHECK(a.sets[i].name == b.sets[i].name);
        CHECK(a.sets[i].images == b.sets[i].images);
        CHECK(a.sets[i].agreement == b.sets[i].agreement);
        check_equal(a.sets[i].full_precision, b.sets[i].full_precision);
        check_equal(a.sets[i].quantized, b.sets[i].quantized);
    }
    REQUIRE(a.layers.size() == b.layers.size());
    for (std::size_t i = 0; i < a.layers.size(); ++i) check_equal(a.layers[i], b.layers[i]);
    REQUIRE(a.sensitivities.size() == b.sensitivities.size());
    for (std::size_t i = 0; i < a.sensitivities.size(); ++i) {
        CHECK(a.sensitivities[i].unit == b.sensitivities[i].unit);
        CHECK(a.sensitivities[i].bits == b.sensitivities[i].bits);
        CHECK(a.sensitivities[i].kl == b.sensitivities[i].kl);
        CHECK(a.sensitivities[i].kl_standard_error == b.sensitivities[i].kl_standard_error);
    }
    REQUIRE(a.rotations.size() == b.rotations.size());
    for (std::size_t i = 0; i < a.rotations.size(); ++i) {
        CHECK(a.rotations[i].trial == b.rotations[i].trial);
        CHECK(a.rotations[i].kl == b.rotations[i].kl);
        CHECK(a.rotations[i].kl_standard_error == b.rotations[i].kl_standard_error);
    }
    REQUIRE(a.activations.size() == b.activations.size());
    for (std::size_t i = 0; i < a.activations.size(); ++i) {
        CHECK(a.activations[i].layer == b.activations[i].layer);
        CHECK(a.activations[i].bits == b.activations[i].bits);
        CHECK(a.activations[i].minimum.shape == b.activations[i].minimum.shape);
        if (a.activations[i].minimum.shape.empty()) continue;
        check_equal(a.activations[i].minimum, b.activations[i].minimum);
        check_equal(a.activations[i].maximum, b.activations[i].maximum);
    }
    REQUIRE(a.parameters.size() == b.parameters.size());
    for (const auto& [name, tensor] : a.parameters) check_equal(tensor, b.parameters.at(name));
    CHECK(a.calibration_images == b.calibration_images);
    CHECK(a.heldout_images == b.heldout_images);
    REQUIRE(a.stages.size() == b.stages.size());
    for (std::size_t i = 0; i < a.stages.size(); ++i) {
        CHECK(a.stages[i].name == b.stages[i].name);
        CHECK(a.stages[i].seconds == b.stages[i].seconds);
    }
}

}  // namespace comq::test
