#include "export/export_formats.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/errors.hpp"
#include "core/version.hpp"

namespace comq {

const std::vector<const ExportFormat*>& export_formats() {
    static const std::vector<const ExportFormat*> formats{
        &safetensors_format, &pth_format, &pt2_format, &onnx_format, &compressed_tensors_format};
    return formats;
}

const ExportFormat& find_export_format(const std::string& name) {
    std::vector<std::string> names;
    for (const ExportFormat* format : export_formats()) {
        if (format->name == name) return *format;
        names.push_back(format->name);
    }
    throw UsageError("--format {}: there is none; choose one of {}", name, fmt::join(names, ", "));
}

std::map<std::string, std::string> provenance_of(const ExportedRun& run) {
    std::set<int64_t> bits;
    for (const LayerRecord& layer : run.record.layers) bits.insert(layer.bits);
    std::map<std::string, std::string> values{
        {"model", run.model.description->name},
        {"identity", run.record.identity},
        {made_by_key, fmt::format("comq {}", version())},
        {"checkpoint", run.record.provenance.checkpoint},
        {"checkpoint_sha256", run.record.provenance.checkpoint_sha256},
        {"bits", fmt::format("{}", fmt::join(bits, ", "))},
        {"preprocessing", run.record.provenance.preprocessing}};
    if (run.record.quantized) values["top1"] = fmt::format("{:.2f}", run.record.quantized->top1);
    return values;
}

}  // namespace comq
