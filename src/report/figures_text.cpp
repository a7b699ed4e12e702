#include "report/figures_text.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/text.hpp"

namespace comq {

namespace {

/** What a stage takes in which there was nothing to do is less. */
constexpr double shortest_shown = 0.05;

void add_accuracy(TextTable& table, const char* network,
                  const std::optional<EvaluationRecord>& record) {
    if (!record) return table.add({network, "not evaluated"});
    table.add({network, format_accuracy({record->top1, record->top1_standard_error}),
               format_number(record->top5, 2), fmt::format("{}", record->images)});
}

}  // namespace

std::string format_number(double value, int digits) {
    return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, digits);
}

std::string format_accuracy(const Measurement& percent) {
    if (!percent.exists()) return "-";
    return fmt::format("{:.2f} ± {}", percent.value, format_number(percent.standard_error, 2));
}

std::string accuracy_table(const RunRecord& run) {
    TextTable table({{.heading = "network", .width = 16},
                     {.heading = "Top-1 %", .to_the_right = true, .width = 15},
                     {.heading = "Top-5 %", .to_the_right = true, .width = 9},
                     {.heading = "images", .to_the_right = true, .width = 8}},
                    1, 2);
    add_accuracy(table, "full precision", run.full_precision);
    if (run.quantized || !run.full_precision) add_accuracy(table, "quantized", run.quantized);
    std::string text = table.text();
    if (run.agreement) {
        text +=
            fmt::format("  same class as full precision: {:.2f}% of the images\n", *run.agreement);
    }
    return text;
}

std::string size_text(const RunRecord& run) {
    const ModelSize& size = run.model_size;
    const auto bytes = static_cast<double>(size.float_bytes);
    if (run.layers.empty()) return format_bytes(bytes) + " as floats";
    const auto quantized = static_cast<double>(size.quantized_bytes);
    return fmt::format("{} instead of {}{}, {:.2f} bits a weight with scales",
                       format_bytes(quantized), format_bytes(bytes),
                       quantized > 0 ? fmt::format(" ({:.1f}x)", bytes / quantized) : "",
                       size.average_bits_with_scales);
}

std::string time_text(const RunRecord& run) {
    double seconds = 0.0;
    std::string stages;
    for (const StageRecord& stage : run.stages) {
        seconds += stage.seconds;
        if (stage.seconds < shortest_shown) continue;
        stages += fmt::format("{}{} {}", stages.empty() ? ": " : ", ", stage.name,
                              format_duration(stage.seconds));
    }
    return run.stages.empty() ? "" : format_duration(seconds) + stages;
}

}  // namespace comq
