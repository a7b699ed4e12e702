#include <fmt/format.h>

#include "export/export_formats.hpp"
#include "export/network_job.hpp"

namespace comq {

namespace {

/** What comq reads beside a program: how images are prepared (experiments/programs.md). */
nlohmann::json notes_of(const ExportedRun& run) {
    const ModelDescription& model = *run.model.description;
    const Preprocessing& images = model.preprocessing;
    nlohmann::json preprocessing{
        {"crop", images.crop},
        {"interpolation", images.interpolation == Interpolation::bicubic ? "bicubic" : "bilinear"},
        {"mean", images.mean},
        {"std", images.std}};
    // Notes know no other mode; a config then has to say.
    if (images.resize_mode == ResizeMode::shortest) preprocessing["resize"] = images.resize;
    return {{"preprocessing", preprocessing},
            {"checkpoint", fmt::format("{}, quantized", model.checkpoint)},
            {"source", model.source},
            {"license", model.license},
            {"quantization", provenance_of(run)}};
}

Written write_pt2(ExportedRun& run, const ExportWishes& wishes) {
    const PythonJob folder(wishes.output);
    nlohmann::json job = network_job(run, folder, "pt2", false);
    job["notes"] = notes_of(run);
    const nlohmann::json answer = folder.run(job);
    folder.publish(wishes.output);
    const auto difference = answer.at("difference").get<double>();
    return {.weight_bytes = {},
            .text = fmt::format("largest difference of the program's logits from comq's: {:.1e}\n",
                                difference),
            .details = {{"difference", difference}, {"versions", answer.at("versions")}}};
}

}  // namespace

const ExportFormat pt2_format{
    .name = "pt2",
    .summary = "the network as a program of torch.export with the quantized weights as floats",
    .write = write_pt2};

}  // namespace comq
