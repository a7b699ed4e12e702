#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/child_process.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** What bash offers for a command line, the cursor at its end, in a folder. */
std::vector<std::string> offers(const std::string& line, const fs::path& folder = "/") {
    const auto script = test::source_dir() / "scripts/completion/comq.bash";
    const std::string commands =
        "cd " + shell_quoted(folder.string()) + " && . " + shell_quoted(script.string()) +
        " && PATH=" COMQ_PROGRAMS ":$PATH" + " && COMP_LINE=" + shell_quoted(line) +
        " && COMP_POINT=${#COMP_LINE} && COMP_WORDS=(${COMP_LINE%% *}) && COMP_CWORD=1 && "
        "COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:' && _comq && printf '%s\\n' \"${COMPREPLY[@]}\"";
    const auto result = run_shell("bash -c " + shell_quoted(commands));
    CHECK(result.exit_code == 0);
    std::vector<std::string> words;
    std::istringstream lines(result.output);
    for (std::string word; std::getline(lines, word);) {
        if (!word.empty()) words.push_back(word);
    }
    return words;
}

using Words = std::vector<std::string>;

bool has(const Words& words, const std::string& word) {
    return std::ranges::count(words, word) == 1;
}

}  // namespace

TEST_CASE("keys are completed with '=', in any section") {
    CHECK(offers("run_experiment configs/demo_vit_4bit.yaml quantization.b") ==
          Words{"quantization.bits=", "quantization.bits_criterion="});
    CHECK(has(offers("run_experiment "), "seed="));
    CHECK(has(offers("run_sweep experiments/start.yaml grid.quantization.b"),
              "grid.quantization.bits="));
    CHECK(offers("run_sweep experiments/start.yaml local.j") == Words{"local.jobs="});
}

TEST_CASE("values are completed where there is a list of them") {
    CHECK(offers("run_experiment quantization.order=gr") == Words{"greedy", "greedy_dynamic"});
    CHECK(has(offers("run_experiment model.name=deit"), "deit_tiny_patch16_224"));
    CHECK(has(offers("run_sweep x.yaml quantization.method="), "comq_plus"));
    CHECK(offers("run_experiment quantization.symmetric=t") == Words{"true"});
    CHECK(offers("run_sweep x.yaml --launcher s") == Words{"slurm"});
    CHECK(has(offers("make_tables x.yaml --format "), "latex"));
    CHECK(has(offers("run_experiment --explain quantization."), "quantization.bits"));
}

TEST_CASE("options of every program are completed") {
    CHECK(offers("run_experiment --res") == Words{"--restart", "--restart-elsewhere", "--resume"});
    for (const char* program : {"run_sweep", "sweep_status", "make_tables", "inspect_results",
                                "compare_results", "export_model"}) {
        CAPTURE(program);
        CHECK(offers(program + std::string(" --out")) == Words{"--output"});
    }
}

TEST_CASE("config files are completed, the user's and those that come with comq") {
    const fs::path folder = test::temporary_folder();
    std::ofstream(folder / "mine.yaml") << "seed: 0\n";
    fs::create_directories(folder / "mixed");
    CHECK(offers("run_experiment mi", folder) == Words{"mine.yaml", "mixed/"});
    CHECK(offers("run_experiment data.root=mix", folder) == Words{"mixed/"});
    CHECK(offers("run_experiment configs/demo_vit_4", folder) ==
          Words{"configs/demo_vit_4bit.yaml"});
    CHECK(has(offers("make_tables experiments/table_d", folder), "experiments/table_demo.yaml"));
}

TEST_CASE("the completion of zsh is valid") {
    if (run_shell("command -v zsh >/dev/null").exit_code != 0) SUCCEED("[comq skipped] no zsh");
    const auto script = test::source_dir() / "scripts/completion/_comq";
    CHECK(run_shell("command -v zsh >/dev/null || exit 0; zsh -n " + shell_quoted(script.string()))
              .exit_code == 0);
}
