#include "results/provenance.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "core/version.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

void run_git(const fs::path& folder, const std::string& arguments) {
    const std::string command =
        fmt::format("git -C \"{}\" {} >/dev/null 2>&1", folder.string(), arguments);
    REQUIRE(std::system(command.c_str()) == 0);
}

/** A checkout with one commit, in a folder whose name a shell would take apart. */
fs::path repository() {
    const fs::path folder = test::temporary_folder() / "it's a tree";
    fs::create_directories(folder);
    std::ofstream(folder / "file.txt") << "one\n";
    run_git(folder, "init");
    run_git(folder, "add file.txt");
    run_git(folder, "-c user.name=test -c user.email=test@example.org commit -m first");
    return folder;
}

}  // namespace

TEST_CASE("the state of a source tree is its commit and a hash of what differs") {
    const fs::path folder = repository();
    const SourceState clean = source_state(folder);
    CHECK(clean.commit.size() == 40);
    CHECK_FALSE(clean.dirty);
    CHECK(clean.diff_sha256.empty());

    std::ofstream(folder / "file.txt") << "two\n";
    const SourceState changed = source_state(folder);
    CHECK(changed.commit == clean.commit);
    CHECK(changed.dirty);
    CHECK(changed.diff_sha256.size() == 64);

    std::ofstream(folder / "file.txt") << "three\n";
    CHECK(source_state(folder).diff_sha256 != changed.diff_sha256);
}

TEST_CASE("outside a checkout the state of the source is empty") {
    CHECK(source_state(test::temporary_folder()).commit.empty());
    CHECK(source_state("/no/such/folder").commit.empty());
    const fs::path inside = repository() / "unpacked";
    fs::create_directories(inside);
    CHECK(source_state(inside).commit.empty());
}

TEST_CASE("a process knows its own provenance") {
    const std::array<const char*, 3> arguments{"run_experiment", "a b.yaml", "model.name=it's"};
    const Provenance provenance = collect_provenance(arguments);
    CHECK(provenance.command_line == "run_experiment 'a b.yaml' 'model.name=it'\\''s'");
    CHECK(provenance.comq_version == version());
    CHECK(provenance.build_commit == build_commit());
    CHECK(provenance.threads >= 1);
    CHECK_FALSE(provenance.hostname.empty());
    CHECK_THAT(provenance.instruction_set, ContainsSubstring(": "));
    CHECK_THAT(provenance.hdf5_version, ContainsSubstring("1."));
    CHECK(provenance.started_utc.size() == std::string("2026-01-31T12:00:00Z").size());
    CHECK(provenance.started_utc.back() == 'Z');
}
