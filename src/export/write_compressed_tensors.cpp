#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "export/export_formats.hpp"
#include "export/network_job.hpp"

namespace comq {

namespace {

Written write_compressed_tensors(ExportedRun& run, const ExportWishes& wishes) {
    const PythonJob folder(wishes.output);
    nlohmann::json job{{"task", "compressed-tensors"},
                       {"program", ""},
                       {"model", {{"name", run.model.description->name}}},
                       {"metadata", provenance_of(run)},
                       {"layers", layers_job(run, folder)}};
    folder.give("network", run.state());
    const nlohmann::json answer = folder.run(job);
    create_folder(wishes.output);
    for (const char* name : {"model.safetensors", "config.json"}) {
        std::error_code error;
        std::filesystem::rename(folder.file(name), wishes.output / name, error);
        if (error) {
            throw Failure("{}: can't be written: {}", (wishes.output / name).string(),
                          error.message());
        }
    }
    return {.weight_bytes = answer.at("bytes").get<int64_t>(),
            .text = fmt::format("{} Linear layers packed, {} convolutions as floats\n",
                                answer.at("packed").get<int>(), answer.at("floats").get<int>()),
            .details = {{"packed", answer.at("packed")},
                        {"floats", answer.at("floats")},
                        {"versions", answer.at("versions")}}};
}

}  // namespace

const ExportFormat compressed_tensors_format{
    .name = "compressed-tensors",
    .summary = "a folder with packed Linear layers and their config.json, for that library",
    .write = write_compressed_tensors};

}  // namespace comq
