// What programs do with inputs that never end, and with outputs that are somebody else's.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>

#include "core/child_process.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** Programs in a folder of their own, as words of a shell. */
struct HostilePlace {
    fs::path folder = test::temporary_folder();

    /** The exit code; 124 when the program waits for ever. */
    int run(const std::string& command) const {
        return run_shell("cd " + shell_quoted(folder.string()) + " && PATH=" +
                         shell_quoted(COMQ_PROGRAMS) + ":$PATH; " + command + " >out 2>log")
            .exit_code;
    }
    std::string config(const std::string& name) const {
        return shell_quoted((test::source_dir() / "configs" / name).string()) + " ";
    }
    std::string demo() const {
        return "timeout 60 run_experiment " + config("demo_cnn_4bit.yaml") +
               "evaluation.images=50 calibration.images=32 resources.cache=null --quiet ";
    }
    std::string log() const { return test::text_of(folder / "log"); }
    void pipe(const std::string& name) const {
        REQUIRE(::mkfifo((folder / name).c_str(), 0600) == 0);
    }
    void mine(const std::string& name) const { std::ofstream(folder / name) << "my thesis"; }
    bool kept(const std::string& name) const { return test::text_of(folder / name) == "my thesis"; }
};

/** The lines that a program says of its end. */
std::ptrdiff_t error_lines(const std::string& log) {
    return std::count(log.begin(), log.end(), '\n');
}

}  // namespace

TEST_CASE("a pipe in the place of any input ends in one line") {
    const HostilePlace place;
    place.pipe("pipe");
    REQUIRE(place.run(place.demo() + "-o a.h5") == 0);
    for (const auto& [command, code] : std::initializer_list<std::pair<std::string, int>>{
             {place.demo() + "model.weights=pipe -o b.h5", 3},
             {place.demo() + "model.weights=pipe model.sha256=" + std::string(64, '0') + " -o b.h5",
              3},
             {"timeout 60 run_experiment pipe", 2},
             {"timeout 60 run_sweep pipe --dry-run", 2},
             {"timeout 60 make_tables pipe", 2},
             {"timeout 60 inspect_results pipe", 3},
             {"timeout 60 compare_results a.h5 pipe", 3},
             {"timeout 60 export_model pipe -o x.safetensors", 3},
             {"timeout 60 export_model a.h5 --weights pipe -o x.safetensors", 3}}) {
        INFO(command);
        CHECK(place.run(command) == code);
        INFO(place.log());
        CHECK(error_lines(place.log()) == 1);
        CHECK_THAT(place.log(), ContainsSubstring("pipe") && ContainsSubstring("regular file"));
    }
}

TEST_CASE("an output that is somebody else's is kept") {
    const HostilePlace place;
    for (const char* name : {"thesis.txt", "t.safetensors", "t.onnx", "t.pth", "t.md", "t.html"}) {
        place.mine(name);
    }
    place.pipe("pipe");
    fs::create_symlink("pipe", place.folder / "link.safetensors");
    fs::create_directory(place.folder / "d.h5.parts");
    std::ofstream(place.folder / "d.h5.parts/mine") << "my thesis";
    REQUIRE(place.run(place.demo() + "-o a.h5") == 0);
    REQUIRE(place.run("cp a.h5 b.h5 && export_model a.h5 -o w.safetensors") == 0);
    const std::string weights = test::text_of(place.folder / "w.safetensors");
    for (const std::string& command : std::initializer_list<std::string>{
             place.demo() + "-o thesis.txt", place.demo() + "-o thesis.txt --restart",
             place.demo() + "-o pipe --restart", place.demo() + "-o d.h5",
             "export_model a.h5 -o t.safetensors", "export_model a.h5 -o t.onnx",
             "export_model a.h5 -o t.pth", "export_model a.h5 -o link.safetensors",
             "export_model a.h5 -o b.h5 --format safetensors",
             "export_model a.h5 -o a.h5 --format safetensors", "inspect_results a.h5 -o a.h5",
             "inspect_results a.h5 -o thesis.txt", "inspect_results a.h5 --json -o thesis.txt",
             "make_report a.h5 -o t.html", "compare_results a.h5 b.h5 -o t.md"}) {
        INFO(command);
        CHECK(place.run(command) == 2);
        INFO(place.log());
        CHECK(error_lines(place.log()) == 1);
    }
    for (const char* name :
         {"thesis.txt", "t.safetensors", "t.onnx", "t.pth", "t.md", "t.html", "d.h5.parts/mine"}) {
        INFO(name);
        CHECK(place.kept(name));
    }
    CHECK(fs::is_fifo(place.folder / "pipe"));
    CHECK(place.run("cmp a.h5 b.h5") == 0);
    // What comq has written it may write again.
    CHECK(place.run("export_model a.h5 -o w.safetensors") == 0);
    CHECK(test::text_of(place.folder / "w.safetensors") == weights);
    CHECK(place.run("inspect_results a.h5 -o a.txt && inspect_results a.h5 -o a.txt") == 0);
    CHECK(place.run(place.demo() + "-o a.h5 --restart") == 0);
}

TEST_CASE("an export never replaces the checkpoint that its run began with") {
    const HostilePlace place;
    REQUIRE(place.run(place.demo() + "-o a.h5 && export_model a.h5 -o w.safetensors") == 0);
    REQUIRE(place.run(place.demo() + "model.weights=w.safetensors -o b.h5") == 0);
    const std::string weights = test::text_of(place.folder / "w.safetensors");
    CHECK(place.run("export_model b.h5 -o w.safetensors") == 2);
    CHECK_THAT(place.log(), ContainsSubstring("is what the run began with"));
    CHECK(place.run("export_model b.h5 --weights w.safetensors -o ./w.safetensors") == 2);
    CHECK(test::text_of(place.folder / "w.safetensors") == weights);
}

TEST_CASE("what a file names itself takes one line and no part in the terminal") {
    const HostilePlace place;
    const std::string header = R"({"a\nb\u001b[2J": {"dtype": "F32", "shape": [1]}})";
    std::ofstream file(place.folder / "w.safetensors", std::ios::binary);
    file << static_cast<char>(header.size()) << std::string(7, '\0') << header;
    file.close();
    CHECK(place.run(place.demo() + "model.weights=w.safetensors -o a.h5") == 3);
    CHECK(error_lines(place.log()) == 1);
    CHECK_THAT(place.log(), ContainsSubstring(R"(tensor 'a\nb\x1b[2J')"));
}

TEST_CASE("a result behind a link is written there") {
    const HostilePlace place;
    fs::create_directory(place.folder / "store");
    fs::create_symlink("store/a.h5", place.folder / "a.h5");
    REQUIRE(place.run(place.demo() + "-o a.h5") == 0);
    CHECK(fs::is_symlink(place.folder / "a.h5"));
    CHECK(fs::is_regular_file(place.folder / "store/a.h5"));
}

TEST_CASE("a limit on file sizes interrupts a run, which goes on without it") {
#if defined(__SANITIZE_THREAD__)
    return test::skip("limits", "file size limit below the file that ThreadSanitizer maps");
#endif
    const HostilePlace place;
    CHECK(place.run("(ulimit -f 20; " + place.demo() + "-o a.h5)") == 75);
    CHECK(error_lines(place.log()) == 1);
    CHECK_THAT(place.log(), ContainsSubstring("File too large (raise the limit") &&
                                ContainsSubstring("--resume"));
    CHECK(place.run(place.demo() + "-o a.h5 --resume") == 0);
}

TEST_CASE("a working directory that is gone is said to be") {
    const HostilePlace place;
    CHECK(place.run("mkdir gone && (cd gone && rmdir ../gone && " + place.demo() +
                    "-o /tmp/never.h5)") == 2);
    CHECK(error_lines(place.log()) == 1);
    CHECK_THAT(place.log(), ContainsSubstring("error: the working directory was deleted"));
}

TEST_CASE("threads and seeds beyond what there can be are refused") {
    const HostilePlace place;
    CHECK(place.run(place.demo() + "--threads 2000000000 -o a.h5") == 2);
    CHECK(place.run(place.demo() + "resources.threads=2000000000 -o a.h5") == 2);
    CHECK_THAT(place.log(), ContainsSubstring("at most 4096"));
    CHECK(place.run(place.demo() + "seed=9223372036854775808 -o a.h5") == 2);
    CHECK(place.run(place.demo() + "seed=9223372036854775807 -o a.h5") == 0);
}
