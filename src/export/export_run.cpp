#include "export/export_run.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "core/errors.hpp"
#include "core/text.hpp"
#include "storage/mapped_file.hpp"
#include "storage/output_file.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** What an extension promises to whoever opens the file; others promise nothing. */
const std::map<std::string, std::string>& formats_by_extension() {
    static const std::map<std::string, std::string> formats{{".safetensors", "safetensors"},
                                                            {".pth", "pth"},
                                                            {".pt", "pth"},
                                                            {".bin", "pth"},
                                                            {".pt2", "pt2"},
                                                            {".onnx", "onnx"}};
    return formats;
}

const ExportFormat& format_of(const ExportRequest& request) {
    const fs::path& output = request.wishes.output;
    const auto promised = formats_by_extension().find(output.extension().string());
    const bool known = promised != formats_by_extension().end();
    if (request.format.empty()) {
        if (known) return find_export_format(promised->second);
        throw UsageError("-o {}: its extension names no format; add --format", output.string());
    }
    if (known && promised->second != request.format) {
        throw UsageError("-o {}: {} under that name would be taken for {}; change one of the two",
                         output.string(), request.format, promised->second);
    }
    return find_export_format(request.format);
}

int64_t bytes_of(const fs::path& output) {
    if (!fs::is_directory(output)) return static_cast<int64_t>(fs::file_size(output));
    int64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(output)) {
        bytes += static_cast<int64_t>(entry.file_size());
    }
    return bytes;
}

/** Bytes of the file, and what it would be by the width of its weights alone. */
struct Sizes {
    int64_t file = 0;
    int64_t floats = 0;             ///< of the network's tensors at their own precision
    int64_t promised = 0;           ///< packed at the run's bits, with scales and zero points
    std::optional<int64_t> packed;  ///< as this format packs them; the rest floats

    std::string text() const {
        std::string text = fmt::format("{}; as floats {}", format_bytes(static_cast<double>(file)),
                                       format_bytes(static_cast<double>(floats)));
        const auto off = [&](int64_t expected) {
            return 100.0 * static_cast<double>(file - expected) / static_cast<double>(expected);
        };
        text +=
            fmt::format("; the run's bits promise {}", format_bytes(static_cast<double>(promised)));
        if (!packed) return text + "\n";
        return text + fmt::format(" ({:+.1f}%), this format's {} ({:+.1f}%)\n", off(promised),
                                  format_bytes(static_cast<double>(*packed)), off(*packed));
    }

    nlohmann::ordered_json json() const {
        nlohmann::ordered_json json{
            {"file_bytes", file}, {"float_bytes", floats}, {"promised_bytes", promised}};
        if (packed) json["format_bytes"] = *packed;
        return json;
    }
};

Sizes sizes_of(const ExportedRun& run, const fs::path& output, const Written& written) {
    Sizes sizes{.file = bytes_of(output),
                .floats = run.record.model_size.float_bytes,
                .promised = run.record.model_size.quantized_bytes,
                .packed = {}};
    if (written.weight_bytes) {
        int64_t packed = sizes.floats + *written.weight_bytes;
        for (const LayerRecord& layer : run.record.layers) {
            packed -= layer.in_features * layer.out_features * static_cast<int64_t>(sizeof(float));
        }
        sizes.packed = packed;
    }
    return sizes;
}

void refuse_what_does_not_fit(const ExportRequest& request, const ExportFormat& format) {
    if (request.verify && !format.runs) {
        throw UsageError(
            "--verify: no runtime executes the format {} here; leave it out or choose "
            "onnx",
            format.name);
    }
    if (request.wishes.matmul_n_bits && format.name != onnx_format.name) {
        throw UsageError(
            "--linear matmulnbits: {} has no such operator; leave it out or choose "
            "onnx",
            format.name);
    }
}

/** Names the program that wrote it, in the provenance of every format that has a place for one. */
bool is_an_export(const fs::path& file) {
    return map_file(file).text().find(made_by_key) != std::string_view::npos;
}

/** An export replaces an export, and nothing that this run needs. */
void check_output(const ExportRequest& request) {
    const fs::path& output = request.wishes.output;
    std::error_code none;
    for (const fs::path& input :
         {fs::path(request.result), request.files.weights, request.files.program}) {
        if (!fs::equivalent(output, input, none)) continue;
        throw UsageError("-o {}: is what the network is read from; choose another name",
                         output.string());
    }
    if (!fs::is_directory(output, none)) return keep_foreign_file(output, is_an_export);
    for (const auto& entry : fs::directory_iterator(output)) {
        if (entry.is_regular_file() && entry.path().extension() == ".safetensors") {
            keep_foreign_file(entry.path(), is_an_export);
        }
    }
}

/** The files that the config of the run names, which are known once it is open. */
void check_network_stays(const ExportedRun& run, const fs::path& output) {
    for (const fs::path& input : {run.model.checkpoint, run.config.model.program}) {
        std::error_code none;
        if (!fs::equivalent(output, input, none)) continue;
        throw UsageError("-o {}: is what the run began with; choose another name", output.string());
    }
}

}  // namespace

ExportReport export_run(ExportRequest request) {
    // Weights of programs are views of parameters, which are written to.
    const torch::NoGradGuard no_grad;
    request.wishes.matmul_n_bits = request.linear == "matmulnbits";
    const ExportFormat& format = format_of(request);
    refuse_what_does_not_fit(request, format);
    check_output(request);
    ExportedRun run = open_exported_run(request.result, request.files);
    check_network_stays(run, request.wishes.output);
    const std::string output = request.wishes.output.string();
    if (!run.record.activations.empty() && format.name != onnx_format.name) {
        spdlog::warn(
            "{} also rounded the inputs of {} layers to {} bits; {} holds weights only, so it "
            "gives other predictions",
            request.result, run.record.activations.size(), run.record.activations.front().bits,
            output);
    }
    const Written written = format.write(run, request.wishes);
    const Sizes sizes = sizes_of(run, request.wishes.output, written);
    ExportReport report;
    report.json = {{"file", output},
                   {"format", format.name},
                   {"model", run.model.description->name},
                   {"sizes", sizes.json()}};
    report.json.update(written.details);
    report.text = fmt::format("{}: {}, {}\n{}size: {}", output, run.model.description->name,
                              format.name, written.text, sizes.text());
    if (request.verify) {
        const auto count = *request.verify > 0 ? request.verify : std::nullopt;
        report.verification = verify_onnx(run, request.wishes.output, count);
        report.text += report.verification->text();
        report.json["verification"] = report.verification->json();
    }
    return report;
}

}  // namespace comq
