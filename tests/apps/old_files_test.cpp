#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "core/child_process.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

// The folder `old` is what run_sweep of comq 0.1.0 (schema 1.4) left when it was stopped by Ctrl-C,
// and the table it collected. It is never written again: every later version must go on with it.

namespace {

constexpr const char* rtn = "9b8c6a06aa5c0c55";
constexpr const char* comq_plus = "d729a111731392da";
constexpr const char* gptq = "cef65b94e2e747e8";

class OldFolder {
  public:
    OldFolder() {
        fs::copy(test::source_dir() / "tests" / "apps" / "old", path(),
                 fs::copy_options::recursive);
    }

    const fs::path& path() const { return folder_; }
    /** A program in the folder; its two streams together. */
    ShellResult run(const std::string& command) const {
        const auto result = run_shell("cd " + shell_quoted(folder_.string()) +
                                      " && " COMQ_PROGRAMS "/" + command + " 2>&1");
        UNSCOPED_INFO(command << "\n" << result.output);
        return result;
    }
    std::string result(const std::string& id) const { return "old_sweep/" + id + ".h5"; }

  private:
    fs::path folder_ = test::temporary_folder();
};

std::set<std::string> fields_of(const std::string& line) {
    std::istringstream stream(line);
    std::set<std::string> fields;
    for (std::string field; std::getline(stream, field, ',');) fields.insert(field);
    return fields;
}

}  // namespace

TEST_CASE("points of an old sweep's folder are in the states that its program left them in") {
    const OldFolder old;
    const auto status = old.run("sweep_status old_sweep.yaml resources.threads=1");
    CHECK(status.exit_code == 1);  // since one failed
    CHECK_THAT(status.output,
               ContainsSubstring("6 points: 2 finished, 1 interrupted, 1 failed, 1 repeated, 1 "
                                 "waiting") &&
                   ContainsSubstring("same as 9b8c6a06aa5c0c55"));
    const auto plan = old.run("run_sweep old_sweep.yaml resources.threads=1 --dry-run --json");
    CHECK_THAT(plan.output, ContainsSubstring(comq_plus) && ContainsSubstring(gptq));
}

TEST_CASE("an old sweep's folder is collected with every column that it had") {
    const OldFolder old;
    const std::string before = test::text_of(old.path() / "old_sweep" / "old_sweep.csv");
    CHECK_THAT(old.run("inspect_results old_sweep/old_sweep.hdf5").output,
               ContainsSubstring("2 of 5 runs") && ContainsSubstring("50.00 ± 11.18"));
    CHECK(old.run("run_sweep old_sweep.yaml resources.threads=1 --collect").exit_code == 0);
    const std::string after = test::text_of(old.path() / "old_sweep" / "old_sweep.csv");
    const auto columns = fields_of(after.substr(0, after.find('\n')));
    for (const auto& column : fields_of(before.substr(0, before.find('\n')))) {
        INFO(column);
        CHECK(columns.contains(column));
    }
    CHECK_THAT(after, ContainsSubstring("0.08630750434023628"));
}

TEST_CASE("an old sweep goes on: what is finished stays, the rest is run") {
    const OldFolder old;
    const auto written = fs::last_write_time(old.path() / old.result(rtn));
    // Parts belong to one build of comq: a later one says so and leaves them alone.
    fs::remove_all(old.path() / (old.result(comq_plus) + ".parts"));
    const auto run = old.run("run_sweep old_sweep.yaml resources.threads=1");
    CHECK(run.exit_code == 1);  // one network is not the expected one
    CHECK_THAT(run.output, ContainsSubstring("6 points: 4 finished, 1 failed, 1 repeated"));
    CHECK(fs::last_write_time(old.path() / old.result(rtn)) == written);
}

TEST_CASE("old result files are inspected, compared and set into tables") {
    const OldFolder old;
    fs::copy_file(test::source_dir() / "tests" / "results" / "files" / "schema_1_3.h5",
                  old.path() / "schema_1_3.h5");
    CHECK_THAT(old.run("inspect_results schema_1_3.h5").output, ContainsSubstring("4.50 bits"));
    CHECK_THAT(old.run("inspect_results " + old.result(rtn)).output, ContainsSubstring("50.00"));
    CHECK_THAT(old.run("compare_results schema_1_3.h5 " + old.result(rtn)).output,
               ContainsSubstring("not the same images"));
    std::ofstream(old.path() / "old_table.yaml")
        << "title: Old runs\nconfig: base.yaml\n"
           "set: {quantization: {bits: 2}}\ncolumns: [{id: cnn, label: CNN}]\n"
           "rows:\n"
           "  - {id: fp, label: FP, measure: full_precision}\n"
           "  - {id: rtn, label: RTN, set: {quantization: {method: rtn}}}\n"
           "  - {id: comq, label: COMQ, set: {quantization: {method: comq}}}\n"
           "  - {id: gptq, label: GPTQ, set: {quantization: {method: gptq, bits: 3}}}\n";
    const auto table = old.run("make_tables old_table.yaml --results old_sweep");
    CHECK(table.exit_code == 0);
    CHECK_THAT(table.output, ContainsSubstring("'full_precision' is deprecated") &&
                                 ContainsSubstring("| RTN | 50.00 ± 11.18 |") &&
                                 ContainsSubstring("| COMQ | **100.00** ± 0.00 |") &&
                                 ContainsSubstring("Missing runs (1)"));
}

TEST_CASE("what a table misses is run where an old make_tables would have run it") {
    const OldFolder old;
    std::ofstream(old.path() / "old_table.yaml")
        << "title: Old runs\nconfig: base.yaml\ncolumns: [{id: cnn, label: CNN}]\n"
           "rows: [{id: gptq, label: GPTQ, set: {quantization: {method: gptq, bits: 3}}}]\n";
    const auto table = old.run("make_tables old_table.yaml --run-missing");
    CHECK(table.exit_code == 0);
    CHECK_THAT(table.output, ContainsSubstring("| GPTQ | 100.00 ± 0.00 |"));
    // The sweep's own point has another name: that sweep also varies evaluation.expected_top1.
    CHECK(fs::exists(old.path() / "results/old_table/base/7eca03dbb6339a14.h5"));
    CHECK_FALSE(fs::exists(old.path() / "results/old_table/base.yaml"));
}
