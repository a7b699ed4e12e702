#include <fmt/format.h>

#include <string>

#include "apps/program.hpp"
#include "core/json_text.hpp"
#include "report/compare_runs.hpp"
#include "results/run_file.hpp"

using namespace comq;

int main(int argc, char** argv) {
    Program program(
        "compare_results",
        "Says in which config keys, layers and accuracies two runs differ, with McNemar's paired "
        "test when they were evaluated on the same images.",
        "Example:\n  compare_results results/deit_tiny_rtn.h5 results/deit_tiny_comq.h5");
    CLI::App& app = program.arguments();
    std::string first;
    std::string second;
    app.add_option("FIRST", first, "result file (.h5)")->required();
    app.add_option("SECOND", second, "result file (.h5)")->required();
    program.offer_json();
    program.offer_output_file();
    return program.run(argc, argv, [&] {
        const RunRecord a = read_run_file(first, ReadScope::everything);
        const RunRecord b = read_run_file(second, ReadScope::everything);
        const RunComparison comparison = compare_runs(a, b, first, second);
        if (program.json()) {
            nlohmann::ordered_json json{{"first", first}, {"second", second}};
            json.update(comparison_json(comparison));
            program.print(json_text(json));
            return;
        }
        program.print(fmt::format("first:  {}\nsecond: {}\n{}", first, second,
                                  describe_comparison(comparison)));
    });
}
