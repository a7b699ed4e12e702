#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/program.hpp"
#include "core/errors.hpp"
#include "core/json_text.hpp"
#include "results/run_file.hpp"
#include "storage/seal.hpp"
#include "sweep/sweep_table.hpp"

using namespace comq;

namespace {

namespace fs = std::filesystem;

struct Checked {
    std::string file;
    std::string kind;     ///< "run" or "table of a sweep"; empty where it can't be read
    bool sealed = false;  ///< a digest of its own vouches for every byte
    std::string problem;  ///< empty: none
};

Checked check(const std::string& file) {
    Checked checked{file, {}, false, {}};
    try {
        const Seal seal = check_seal(file);
        checked.sealed = seal == Seal::intact;
        if (seal != Seal::broken && is_sweep_table(file)) {
            read_sweep_table(file);
            checked.kind = "table of a sweep";
        } else {
            read_run_file(file, ReadScope::everything);
            checked.kind = "run";
        }
    } catch (const Error& error) {
        checked.problem = error.what();
    }
    return checked;
}

/** Result files below a folder, or what is no folder itself. */
std::vector<std::string> files_of(const std::vector<std::string>& arguments) {
    std::vector<std::string> files;
    for (const auto& argument : arguments) {
        if (!fs::exists(argument)) throw UsageError("{}: there is no such file", argument);
        if (!fs::is_directory(argument)) {
            files.push_back(argument);
            continue;
        }
        const std::size_t known = files.size();
        for (const auto& entry : fs::recursive_directory_iterator(argument)) {
            const auto extension = entry.path().extension();
            if (entry.is_regular_file() && (extension == ".h5" || extension == ".hdf5")) {
                files.push_back(entry.path().string());
            }
        }
        std::sort(files.begin() + static_cast<std::ptrdiff_t>(known), files.end());
        if (files.size() == known) throw UsageError("{}: has no file .h5 or .hdf5", argument);
    }
    return files;
}

std::string line_of(const Checked& checked) {
    if (!checked.problem.empty()) return checked.problem + "\n";
    return fmt::format("{}: {}, {}\n", checked.file, checked.kind,
                       checked.sealed ? "intact" : "readable, but without a digest of its content");
}

nlohmann::ordered_json json_of(const Checked& checked) {
    const auto text_or_null = [](const std::string& text) {
        return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
    };
    return {{"file", checked.file},
            {"sealed", checked.sealed},
            {"kind", text_or_null(checked.kind)},
            {"problem", text_or_null(checked.problem)}};
}

}  // namespace

int main(int argc, char** argv) {
    Program program(
        "check_results",
        "Reads result files to their last byte: digests, codes, scales, tables. For archives, and "
        "after copies.",
        "Examples:\n"
        "  check_results results/demo_vit_4bit.h5\n"
        "  check_results results/ --json\n"
        "Files of other programs, and those that another program has changed, have no digest: what "
        "is in them is checked as far as it can be told wrong.\n"
        "Exit codes: 3 when a file is damaged, else those of run_experiment.");
    std::vector<std::string> arguments;
    program.arguments()
        .add_option("FILE", arguments, "result files, tables of sweeps, or folders of them")
        ->required();
    program.offer_json();
    program.offer_output_file();
    return program.run(argc, argv, [&] {
        std::size_t damaged = 0, files = 0;
        auto all = nlohmann::ordered_json::array();
        for (const auto& file : files_of(arguments)) {
            const Checked checked = check(file);
            ++files;
            if (!checked.problem.empty()) ++damaged;
            if (program.json()) {
                all.push_back(json_of(checked));
            } else {
                program.print(line_of(checked));
            }
        }
        if (program.json()) program.print(json_text(all));
        if (damaged > 0) throw InputError("{} of {} files can't be trusted", damaged, files);
    });
}
