#include "report/accuracy_text.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "core/text.hpp"
#include "report/value_text.hpp"

namespace comq {

namespace {

/** Of a set, so that a line fits. */
constexpr std::size_t widest_name = 11;

void add_accuracy(TextTable& table, const char* network,
                  const std::optional<EvaluationRecord>& record) {
    if (!record) return table.add({network, "not evaluated"});
    table.add({network, format_accuracy({record->top1, record->top1_standard_error}),
               format_number(record->top5, 2), fmt::format("{}", record->images)});
}

/** Mean, quantiles and largest divergence of the predictions; empty: not measured. */
std::string divergence_text(const RunRecord& run) {
    std::string text;
    for (const auto& [word, name] :
         {std::pair{"mean", "kl"}, std::pair{"median", "kl_median"},
          std::pair{"95% below", "kl_95"}, std::pair{"largest", "kl_largest"}}) {
        const Figure& figure = *find_figure(name);
        const Measurement measured = figure.of(run);
        if (!measured.exists()) return "";
        text += fmt::format("{}{} {} ± {}", text.empty() ? "" : ", ", word,
                            format_number(measured.value, figure.digits),
                            format_number(measured.standard_error, figure.digits));
    }
    return "  KL(full precision ‖ quantized) in nats:\n    " + wrapped(text, 4, screen_columns) +
           "\n";
}

/** A row for each further set of images; empty without any. */
std::string set_table(const RunRecord& run) {
    if (run.sets.empty()) return "";
    TextTable table({{.heading = "set", .width = 8},
                     {.heading = "full %", .to_the_right = true, .width = 13},
                     {.heading = "Top-1 %", .to_the_right = true, .width = 13},
                     {.heading = "agreement %", .to_the_right = true, .width = 13},
                     {.heading = "KL", .to_the_right = true, .width = 16},
                     {.heading = "images", .to_the_right = true, .width = 7}},
                    1, 2);
    for (const SetRecord& set : run.sets) {
        const auto measured = [&](const char* figure) {
            return find_figure(fmt::format("{}@{}", figure, set.name))->of(run);
        };
        const Measurement kl = measured("kl");
        table.add({cut(set.name, widest_name), format_accuracy(measured("full_precision_top1")),
                   format_accuracy(measured("top1")), format_accuracy(measured("agreement")),
                   kl.exists() ? fmt::format("{:.4f} ± {:.4f}", kl.value, kl.standard_error) : "-",
                   set.full_precision ? fmt::format("{}", set.full_precision->images) : "-"});
    }
    return table.text();
}

}  // namespace

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
        text += fmt::format("  same class as full precision: {}% of the images\n",
                            format_accuracy(find_figure("agreement")->of(run)));
    }
    return text + divergence_text(run) + set_table(run);
}

}  // namespace comq
