#include <fmt/format.h>
#include <stdio.h>
#include <sys/wait.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "results/run_file.hpp"
#include "results/sample_run.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;

namespace {

struct Outcome {
    int exit_code = -1;
    std::string output;  ///< of both streams
};

Outcome run(const std::string& program, const std::string& arguments) {
    const std::string command = fmt::format("{}/{} {} 2>&1", COMQ_PROGRAMS, program, arguments);
    FILE* pipe = popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    Outcome outcome;
    std::array<char, 4096> buffer{};
    while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) {
        outcome.output.append(buffer.data(), count);
    }
    outcome.exit_code = WEXITSTATUS(pclose(pipe));
    return outcome;
}

std::string written(const RunRecord& record) {
    const auto file = test::temporary_folder() / "run.h5";
    write_run_file(file, record);
    return file.string();
}

}  // namespace

TEST_CASE("inspect_results prints a run or its CSV") {
    const std::string file = written(test::sample_run());
    const Outcome text = run("inspect_results", file);
    CHECK(text.exit_code == 0);
    CHECK_THAT(text.output, ContainsSubstring("layers (2, sorted by relative_error)"));
    const Outcome csv = run("inspect_results", file + " --csv --sort network");
    CHECK(csv.exit_code == 0);
    CHECK(csv.output.substr(0, 10) == "name,kind,");
    const Outcome one = run("inspect_results", file + " --layers 1 --provenance");
    CHECK_THAT(one.output, ContainsSubstring("and 1 more") && ContainsSubstring("node17"));
    CHECK(run("inspect_results", file + " --layers all").exit_code == 0);
    CHECK(run("inspect_results", file + " --layers some").exit_code == 2);
}

TEST_CASE("inspect_results and compare_results print JSON and nothing else") {
    const std::string file = written(test::sample_run());
    const auto json = nlohmann::json::parse(run("inspect_results", file + " --json").output);
    CHECK(json["file"] == file);
    CHECK(json["quantized"]["top1"] == 40);
    const auto comparison =
        nlohmann::json::parse(run("compare_results", file + " " + file + " --json").output);
    CHECK(comparison["first"] == file);
    CHECK(comparison["config"].empty());
    CHECK(comparison["layers"].size() == 2);
}

TEST_CASE("inspect_results fails with the documented exit codes") {
    const std::string file = written(test::sample_run());
    CHECK(run("inspect_results", "").exit_code == 2);
    CHECK(run("inspect_results", file + " --sort speed").exit_code == 2);
    CHECK(run("inspect_results", "--help").exit_code == 0);
    const Outcome missing = run("inspect_results", file + ".none");
    CHECK(missing.exit_code == 2);
    CHECK_THAT(missing.output, ContainsSubstring("error: ") && ContainsSubstring("run.h5.none"));
}

TEST_CASE("compare_results says what differs") {
    RunRecord other = test::sample_run();
    other.config = "seed: 4\n";
    const Outcome outcome =
        run("compare_results", written(test::sample_run()) + " " + written(other));
    CHECK(outcome.exit_code == 0);
    CHECK_THAT(outcome.output, ContainsSubstring("seed") && ContainsSubstring("3 | 4") &&
                                   ContainsSubstring("McNemar"));
    CHECK(run("compare_results", written(other)).exit_code == 2);
}

TEST_CASE("check_results tells intact files from damaged ones") {
    const std::string file = written(test::sample_run());
    const auto folder = std::filesystem::path(file).parent_path();
    const Outcome intact = run("check_results", file);
    CHECK(intact.exit_code == 0);
    CHECK_THAT(intact.output, ContainsSubstring("run.h5: run, intact"));

    const auto damaged = folder / "damaged.h5";
    std::filesystem::copy_file(file, damaged);
    {
        std::fstream stream(damaged, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp(static_cast<std::streamoff>(std::filesystem::file_size(file) / 2));
        stream.put('\x5a');
    }
    const Outcome both = run("check_results", folder.string());
    CHECK(both.exit_code == 3);
    CHECK_THAT(both.output, ContainsSubstring("damaged.h5: can't be opened: it is damaged") &&
                                ContainsSubstring("run.h5: run, intact") &&
                                ContainsSubstring("1 of 2 files can't be trusted"));
    CHECK(run("inspect_results", damaged.string()).exit_code == 3);

    // Cut off, the rest is still a file of HDF5.
    const auto plain = folder / "plain.h5";
    std::filesystem::copy_file(file, plain);
    const std::string bytes = test::text_of(file);
    std::filesystem::resize_file(plain, bytes.rfind("\ncomq: SHA-256"));
    const auto json =
        nlohmann::json::parse(run("check_results", plain.string() + " --json").output);
    CHECK(json.at(0).at("sealed") == false);
    CHECK(json.at(0).at("kind") == "run");
    CHECK(run("check_results", (folder / "none.h5").string()).exit_code == 2);
}
