#include "sweep/launch_slurm.hpp"
#include "support/assets.hpp"

#include <fmt/format.h>

#include <fstream>

#include "core/child_process.hpp"
#include "points/point_status.hpp"
#include "sweep/sweep_files.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** The batch script of one point with a program and a scontrol made for the test. */
class Script {
  public:
    /** `program` is shell: it sees the point's files from the sweep's folder. */
    explicit Script(const std::string& program) {
        sweep_ = folder_.open("grid: {seed: [0]}\n");
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
    CHECK_THAT(script, ContainsSubstring("\nmodule load hdf5\n"));
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
