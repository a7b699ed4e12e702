#include <fmt/format.h>

#include <string>

#include "apps/program.hpp"
#include "core/interrupt.hpp"
#include "core/json_text.hpp"
#include "export/export_run.hpp"

using namespace comq;

namespace {

void export_model(const ExportRequest& request, Program& program) {
    catch_interrupts();
    const ExportReport report = export_run(request);
    program.print(program.json() ? json_text(report.json) : report.text);
    // What was measured is of use, whatever it says.
    if (report.verification) report.verification->check(request.wishes.output);
}

std::string formats_text() {
    std::string text = "Formats:\n";
    for (const ExportFormat* format : export_formats()) {
        text += fmt::format("  {:<20} {}\n", format->name, format->summary);
    }
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    Program program("export_model",
                    "Writes the quantized network of a run as a file that other programs read.",
                    formats_text() +
                        "\nExamples:\n  export_model results/deit_tiny_4bit.h5 -o "
                        "deit_tiny_4bit.onnx --verify\n"
                        "  export_model results/deit_tiny_4bit.h5 -o deit_tiny_4bit.safetensors");
    CLI::App& app = program.arguments();
    ExportRequest request;
    app.add_option("RUN", request.result, "result file (.h5)")->required();
    app.add_option("-o,--output", request.wishes.output, "file (or folder) to write")->required();
    std::vector<std::string> names;
    for (const ExportFormat* format : export_formats()) names.push_back(format->name);
    app.add_option("--format", request.format,
                   "of the output; else its extension says: .safetensors, .pth, .pt2, .onnx")
        ->check(CLI::IsMember(names));
    app.add_option("--linear", request.linear,
                   "ONNX: how Linear layers multiply; matmulnbits is an operator of ONNX Runtime "
                   "for 2 and 4 bits")
        ->check(CLI::IsMember({"dequantize", "matmulnbits"}))
        ->capture_default_str();
    app.add_option("--verify", request.verify,
                   "ONNX: run the file and comq on this many evaluation images, without a number "
                   "on all of the run's, and compare Top-1, agreement and logits")
        ->expected(0, 1)
        ->default_str("0")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--weights", request.files.weights,
                   "checkpoint (or program) the run started from, when it has moved");
    app.add_option("--program", request.files.program,
                   "program the run started from, when its weights are another file");
    program.offer_json();
    return program.run(argc, argv, [&] { export_model(request, program); });
}
