#include <fmt/format.h>

#include <map>

#include "core/errors.hpp"
#include "export/export_formats.hpp"
#include "export/network_job.hpp"

namespace comq {

namespace {

Written write_onnx(ExportedRun& run, const ExportWishes& wishes) {
    const PythonJob folder(wishes.output);
    nlohmann::json job = network_job(run, folder, "onnx", true);
    job["linear"] = wishes.matmul_n_bits ? "matmulnbits" : "dequantize";
    job["activations"] = rounding_job(run);
    job["layers"] = layers_job(run, folder);
    const nlohmann::json answer = folder.run(job);
    folder.publish(wishes.output);

    Written written{.weight_bytes = 0, .text = {}, .details = {}};
    std::map<std::string, int> operators;
    int shifted = 0;
    for (const auto& layer : answer.at("layers")) {
        *written.weight_bytes += layer.at("bytes").get<int64_t>();
        ++operators[layer.at("operator")];
        shifted += layer.at("whole").get<bool>() ? 0 : 1;
    }
    for (const auto& [name, layers] : operators) {
        written.text += fmt::format("{} layers by {}\n", layers, name);
    }
    if (shifted > 0) {
        written.text += fmt::format("{} of them have zero points that are no codes\n", shifted);
    }
    written.text += fmt::format(
        "largest difference of logits of ONNX Runtime {} from comq's, of random images: {:.1e}\n",
        answer.at("versions").at("onnxruntime").get<std::string>(),
        answer.at("difference").get<double>());
    written.details = {{"operators", operators},
                       {"opset", answer.at("opset")},
                       {"difference", answer.at("difference")},
                       {"versions", answer.at("versions")}};
    return written;
}

}  // namespace

const ExportFormat onnx_format{
    .name = "onnx",
    .summary = "packed integers that DequantizeLinear makes floats of, for ONNX Runtime",
    .write = write_onnx,
    .runs = true};

}  // namespace comq
