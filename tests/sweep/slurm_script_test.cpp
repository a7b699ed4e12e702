#include "sweep/slurm_script.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

#include "core/child_process.hpp"
#include "points/point_status.hpp"
#include "results/run_journal.hpp"
#include "support/assets.hpp"
#include "sweep/slurm_settings.hpp"
#include "sweep/sweep_files.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** The batch script of one point with a program and a scontrol made for the test. */
class Script {
  public:
    /** `program` is shell: it sees the point's files from the sweep's folder. */
    explicit Script(const std::string& program, const std::string& slurm = "{}") {
        sweep_ = folder_.open("grid: {seed: [0]}\nslurm: " + slurm + "\n");
        prepare_folder(sweep_, {0});
        write_program("program", "point=$(basename \"$1\" .yaml)\n" + program);
        write_program("scontrol", "echo \"$@\" >>" + file("requeued").string() + "\n");
        std::ofstream(file("batch.sh")) << slurm_script(sweep_, {0}, file("program"), 1);
    }

    /** Runs it as task 0 of job 7; `signal`, when given, is sent to it after `program` is ready. */
    int run(const std::string& signal = "") const {
        const std::string ready = file("ready").string();
        const std::string send =
            signal.empty() ? ""
                           : fmt::format("while [ ! -e {} ]; do sleep 0.02; done; kill -s {} $!; ",
                                         ready, signal);
        return run_shell(fmt::format("PATH={}:$PATH; export SLURM_ARRAY_JOB_ID=7 "
                                     "SLURM_ARRAY_TASK_ID=0; bash {} >{} 2>&1 & {}wait $!",
                                     folder_.path().string(), file("batch.sh").string(),
                                     file("log").string(), send))
            .exit_code;
    }

    fs::path file(const std::string& name) const { return folder_.path() / name; }
    fs::path result() const { return sweep_.points.front().result(); }
    std::optional<Outcome> outcome() const { return read_outcome(sweep_, sweep_.points.front()); }

  private:
    void write_program(const std::string& name, const std::string& body) const {
        std::ofstream(file(name)) << "#!/bin/bash\n" + body;
        fs::permissions(file(name), fs::perms::owner_all);
    }

    test::SweepFolder folder_;
    PointSet sweep_;
};

/** Waits for a signal, finishes the part `part` if there is one, and exits like run_experiment. */
std::string interruptible(const std::string& part) {
    return fmt::format(
        "trap 'stop=1' USR1 TERM\n"
        "touch ../ready 2>/dev/null\n"
        "while [ -z \"$stop\" ]; do sleep 0.02; done\n"
        "{}exit 75\n",
        part.empty() ? "" : "mkdir -p $point.h5.parts; touch $point.h5.parts/" + part + "\n");
}

}  // namespace

TEST_CASE("the batch script says what sbatch has to know") {
    const test::SweepFolder folder;
    const auto sweep = folder.open(
        "grid: {seed: [0, 1, 2]}\n"
        "slurm:\n"
        "  {concurrent: 2, cpus: 3, lead_time: 60, partition: short, account: lab, time: "
        "'1:00:00',\n"
        "   memory: 4G, gres: gpu:1, options: [--qos=long], setup: [module load hdf5]}\n");
    const auto script = slurm_script(sweep, {0, 2}, "/opt/comq/bin/run_experiment", 3);
    for (const char* line :
         {"--array=0-1%2", "--job-name=some_sweep", "--signal=B:USR1@60", "--requeue",
          "--open-mode=append", "--cpus-per-task=3", "--partition=short", "--account=lab",
          "--time=1:00:00", "--mem=4G", "--gres=gpu:1", "--qos=long"}) {
        CHECK_THAT(script, ContainsSubstring(fmt::format("#SBATCH {}\n", line)));
    }
    CHECK_THAT(script, ContainsSubstring("logs/%A_%a.log\n"));
    CHECK_THAT(script, ContainsSubstring("{ module load hdf5\n} || setup_failed "));
    CHECK_THAT(script, ContainsSubstring(sweep.points[2].id));
    CHECK(script.find(sweep.points[1].id) == std::string::npos);
    CHECK_THAT(script, ContainsSubstring("/opt/comq/bin/run_experiment \"points/$point.yaml\" "
                                         "--resume --threads 3 &"));
}

TEST_CASE("a batch script writes down how its program ended") {
    const Script failing("echo 'error: on purpose'; exit 3\n");
    CHECK(failing.run() == 3);
    REQUIRE(failing.outcome());
    CHECK(failing.outcome()->exit_code == 3);
    CHECK(failing.outcome()->log.filename() == "7_0.log");
    CHECK_FALSE(fs::exists(failing.file("requeued")));

    const Script done("touch $point.h5\n");
    CHECK(done.run() == 0);
    CHECK(done.outcome()->exit_code == 0);
    const Script killed("kill -9 $$\n");
    CHECK(killed.run() == 137);
    CHECK(killed.outcome()->exit_code == 137);
}

TEST_CASE("a batch script whose point is finished runs nothing") {
    const Script script("touch ../ran\n");
    std::ofstream(script.result()) << "x";
    CHECK(script.run() == 0);
    CHECK_FALSE(fs::exists(script.file("ran")));
}

TEST_CASE("at the time limit a task that got on requeues itself") {
    const Script script(interruptible("layer.a.safetensors"));
    CHECK(script.run("USR1") == 0);
    CHECK(test::text_of(script.file("requeued")) == "requeue 7_0\n");
    CHECK_FALSE(script.outcome());
    // A part written anew is progress, too.
    fs::remove(script.file("ready"));
    CHECK(script.run("USR1") == 0);
    CHECK(test::text_of(script.file("requeued")) == "requeue 7_0\nrequeue 7_0\n");
}

TEST_CASE("a time limit too short for any progress is an error, not an endless loop") {
    const Script script(interruptible(GENERATE("", "run.json")));
    CHECK(script.run("USR1") == 1);
    CHECK_FALSE(fs::exists(script.file("requeued")));
    CHECK(script.outcome()->exit_code == 1);
    CHECK_THAT(test::text_of(script.file("log")),
               ContainsSubstring("error: the time limit is too short"));
}

TEST_CASE("a task that only waited for what another computes is requeued, and the next is not") {
    const Script script(interruptible("waited"));
    CHECK(script.run("USR1") == 0);
    CHECK(test::text_of(script.file("requeued")) == "requeue 7_0\n");
    CHECK_FALSE(script.outcome());
    // It had its whole time limit now, whatever it waited for before.
    const std::string without = script.file("program").string();
    std::ofstream(without) << "#!/bin/bash\npoint=$(basename \"$1\" .yaml)\n" + interruptible("");
    fs::remove(script.file("ready"));
    fs::last_write_time(RunJournal::folder_of(script.result()) / "waited",
                        fs::file_time_type::clock::now() - std::chrono::minutes(1));
    CHECK(script.run("USR1") == 1);
    CHECK(script.outcome()->exit_code == 1);
}

TEST_CASE("a program that is stopped while it loads is interrupted, not broken") {
    const Script script("touch ../ready\nexec sleep 60\n");
    CHECK(script.run("TERM") == 75);
    CHECK(script.outcome()->exit_code == 75);
}

TEST_CASE("the first line of slurm.setup that fails ends a task with its words") {
    const Script script("touch ../ran\n",
                        "{setup: ['export SOME=x  # why', 'test $SOME = x', 'no_such_module 1', "
                        "'touch ../later']}");
    CHECK(script.run() == 1);
    CHECK_FALSE(fs::exists(script.file("ran")));
    CHECK_FALSE(fs::exists(script.file("later")));
    REQUIRE(script.outcome());
    CHECK(script.outcome()->exit_code == 1);
    CHECK_THAT(test::text_of(script.file("log")),
               ContainsSubstring("no_such_module: command not found") &&
                   ContainsSubstring("error: slurm.setup: 'no_such_module 1' failed with exit code "
                                     "127"));
    const Script good("echo $SOME >../ran\n", "{setup: ['export SOME=x  # why', 'cd /']}");
    CHECK(good.run() == 0);
    CHECK(test::text_of(good.file("ran")) == "x\n");
}

TEST_CASE("a time limit that ends slurm.setup is no end without a word") {
    const Script script("sleep 60\n", "{setup: ['touch " + test::temporary_folder().string() +
                                          "/x; touch \"$folder/../ready\"; sleep 1']}");
    CHECK(script.run("USR1") == 1);
    CHECK(script.outcome()->exit_code == 1);
    CHECK_THAT(test::text_of(script.file("log")), ContainsSubstring("time limit is too short"));
}

TEST_CASE("conda of an interactive shell can be activated in slurm.setup") {
    const Script script("echo \"$ACTIVE\" >../ran\n", "{setup: [conda activate some]}");
    const auto conda = script.file("conda");
    std::ofstream(conda) << "#!/bin/bash\necho 'conda() { export ACTIVE=$2; }'\n";
    fs::permissions(conda, fs::perms::owner_all);
    ::setenv("CONDA_EXE", conda.c_str(), 1);
    CHECK(script.run() == 0);
    ::unsetenv("CONDA_EXE");
    CHECK(test::text_of(script.file("ran")) == "some\n");
}

TEST_CASE("a folder is told to Slurm as it is called, or refused") {
    const test::SweepFolder folder;
    PointSet sweep = folder.open("grid: {seed: [0]}\n");
    sweep.folder = "/some/a%b %j#c";
    CHECK_NOTHROW(check_slurm(sweep));
    CHECK_THAT(slurm_script(sweep, {0}, "program", 1),
               ContainsSubstring("--output=\"/some/a%%b %%j#c/logs/%A_%a.log\"\n"));
    for (const char* name : {"/some/a\\b", "/some/a\"b"}) {
        sweep.folder = name;
        CHECK_THROWS_WITH(check_slurm(sweep), ContainsSubstring("set 'folder' to another"));
    }
}

TEST_CASE("settings that can't work are refused by their key") {
    const test::SweepFolder folder;
    const auto check = [&](const std::string& slurm) {
        check_slurm(folder.open("grid: {seed: [0]}\nslurm: " + slurm + "\n"));
    };
    CHECK_THROWS_WITH(check("{time: '2:00', lead_time: 120}"),
                      ContainsSubstring("slurm.lead_time: a task that stops 120 s before"));
    CHECK_NOTHROW(check("{time: '2:01', lead_time: 120}"));
    CHECK_THROWS_WITH(check("{options: [--time=1]}"), ContainsSubstring("slurm.lead_time"));
    for (const char* option : {"--array=0-3", "-a 0-3", "--output=x", "-o x", "-ox", "--ntasks=2",
                               "-n2", "--signal=USR2", "--no-requeue", "--error x"}) {
        INFO(option);
        CHECK_THROWS_WITH(check(fmt::format("{{options: ['{}']}}", option)),
                          ContainsSubstring("slurm.options: --"));
    }
    CHECK_NOTHROW(
        check("{options: [--ntasks=1, --nodes=1, --qos=long, --exclusive, -d singleton]}"));
}

TEST_CASE("time limits are read as sbatch reads them") {
    CHECK(slurm_seconds("90") == 5400);
    CHECK(slurm_seconds("1:30") == 90);
    CHECK(slurm_seconds("1:30:00") == 5400);
    CHECK(slurm_seconds("2-12") == 216'000);
    CHECK(slurm_seconds("2-12:30") == 217'800);
    CHECK(slurm_seconds("2-12:30:10") == 217'810);
    for (const char* text : {"UNLIMITED", "", "1:2:3:4", "x-1", "1:x"}) {
        CHECK_FALSE(slurm_seconds(text));
    }
}

TEST_CASE("the partition of tasks is where sbatch will look for it") {
    SlurmSettings slurm;
    CHECK_FALSE(partition_of(slurm));
    slurm.partition = "short";
    CHECK(partition_of(slurm) == "short");
    slurm.options = {"-p", "--qos=long", "--partition=a", "-p big"};
    CHECK(partition_of(slurm) == "big");
    ::setenv("SBATCH_PARTITION", "other", 1);
    CHECK(partition_of(slurm) == "other");
    ::unsetenv("SBATCH_PARTITION");
}

TEST_CASE("a cancelled task stops and is not requeued") {
    const Script script(interruptible("layer.a.safetensors"));
    CHECK(script.run("TERM") == 75);
    CHECK_FALSE(fs::exists(script.file("requeued")));
    CHECK(script.outcome()->exit_code == 75);
}

TEST_CASE("arrays are split at Slurm's limit") {
    const std::vector<std::size_t> chosen{3, 4, 5, 6, 8};
    const auto arrays = slurm_arrays(chosen, 2);
    REQUIRE(arrays.size() == 3);
    CHECK(arrays[1] == std::vector<std::size_t>{5, 6});
    CHECK(arrays[2] == std::vector<std::size_t>{8});
    CHECK(slurm_arrays({}, 2).empty());
}
