#include "sweep/slurm_script.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>

#include "points/point_status.hpp"
#include "results/run_journal.hpp"
#include "sweep/batch_script.hpp"
#include "sweep/slurm_settings.hpp"

using namespace comq;
namespace fs = std::filesystem;

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
    const test::BatchScript failing("echo 'error: on purpose'; exit 3\n");
    CHECK(failing.run() == 3);
    REQUIRE(failing.outcome());
    CHECK(failing.outcome()->exit_code == 3);
    CHECK(failing.outcome()->log.filename() == "7_0.log");
    CHECK_FALSE(fs::exists(failing.file("requeued")));

    const test::BatchScript done("touch $point.h5\n");
    CHECK(done.run() == 0);
    CHECK(done.outcome()->exit_code == 0);
    const test::BatchScript killed("kill -9 $$\n");
    CHECK(killed.run() == 137);
    CHECK(killed.outcome()->exit_code == 137);
}

TEST_CASE("a batch script whose point is finished runs nothing") {
    const test::BatchScript script("touch ../ran\n");
    std::ofstream(script.result()) << "x";
    CHECK(script.run() == 0);
    CHECK_FALSE(fs::exists(script.file("ran")));
}

TEST_CASE("at the time limit a task that got on requeues itself") {
    const test::BatchScript script(test::interruptible("layer.a.safetensors"));
    CHECK(script.run("USR1") == 0);
    CHECK(test::text_of(script.file("requeued")) == "requeue 7_0\n");
    CHECK_FALSE(script.outcome());
    // A part written anew is progress, too.
    fs::remove(script.file("ready"));
    CHECK(script.run("USR1") == 0);
    CHECK(test::text_of(script.file("requeued")) == "requeue 7_0\nrequeue 7_0\n");
}

TEST_CASE("a time limit too short for any progress is an error, not an endless loop") {
    const test::BatchScript script(test::interruptible(GENERATE("", "run.json")));
    CHECK(script.run("USR1") == 1);
    CHECK_FALSE(fs::exists(script.file("requeued")));
    CHECK(script.outcome()->exit_code == 1);
    CHECK_THAT(test::text_of(script.file("log")),
               ContainsSubstring("error: the time limit is too short"));
}

TEST_CASE("a task that only waited for what another computes is requeued, and the next is not") {
    const test::BatchScript script(test::interruptible("waited"));
    CHECK(script.run("USR1") == 0);
    CHECK(test::text_of(script.file("requeued")) == "requeue 7_0\n");
    CHECK_FALSE(script.outcome());
    // It had its whole time limit now, whatever it waited for before.
    const std::string without = script.file("program").string();
    std::ofstream(without) << "#!/bin/bash\npoint=$(basename \"$1\" .yaml)\n" +
                                  test::interruptible("");
    fs::remove(script.file("ready"));
    fs::last_write_time(RunJournal::folder_of(script.result()) / "waited",
                        fs::file_time_type::clock::now() - std::chrono::minutes(1));
    CHECK(script.run("USR1") == 1);
    CHECK(script.outcome()->exit_code == 1);
}

TEST_CASE("a program that is stopped while it loads is interrupted, not broken") {
    const test::BatchScript script("touch ../ready\nexec sleep 60\n");
    CHECK(script.run("TERM") == 75);
    CHECK(script.outcome()->exit_code == 75);
}

TEST_CASE("the first line of slurm.setup that fails ends a task with its words") {
    const test::BatchScript script(
        "touch ../ran\n",
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
    const test::BatchScript good("echo $SOME >../ran\n",
                                 "{setup: ['export SOME=x  # why', 'cd /']}");
    CHECK(good.run() == 0);
    CHECK(test::text_of(good.file("ran")) == "x\n");
}

TEST_CASE("a time limit that ends slurm.setup is no end without a word") {
    const test::BatchScript script("sleep 60\n", "{setup: ['touch " +
                                                     test::temporary_folder().string() +
                                                     "/x; touch \"$folder/../ready\"; sleep 1']}");
    CHECK(script.run("USR1") == 1);
    CHECK(script.outcome()->exit_code == 1);
    CHECK_THAT(test::text_of(script.file("log")), ContainsSubstring("time limit is too short"));
}

TEST_CASE("conda of an interactive shell can be activated in slurm.setup") {
    const test::BatchScript script("echo \"$ACTIVE\" >../ran\n", "{setup: [conda activate some]}");
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

TEST_CASE("several ranks are started by srun, or by what the prefix says") {
    const test::SweepFolder folder;
    PointSet set = folder.open("grid: {seed: [0]}\nslurm: {ranks: 2}\n");
    const auto script = slurm_script(set, {0}, "/opt/run_experiment", 3);
    CHECK_THAT(script, ContainsSubstring("#SBATCH --ntasks=2\n#SBATCH --cpus-per-task=3\n") &&
                           ContainsSubstring("    srun --mpi=pmix /opt/run_experiment \"points/") &&
                           ContainsSubstring("export SRUN_CPUS_PER_TASK=3"));
    CHECK_NOTHROW(check_slurm(set));
    set.slurm.prefix = "srun --mpi=pmix apptainer exec comq.sif";
    set.slurm.program = "run_experiment";
    CHECK_NOTHROW(check_slurm(set));
    CHECK_THAT(slurm_script(set, {0}, "/opt/run_experiment", 3),
               ContainsSubstring("    srun --mpi=pmix apptainer exec comq.sif run_experiment \""));
    set.slurm.prefix = "apptainer exec comq.sif";
    CHECK_THROWS_WITH(check_slurm(set),
                      ContainsSubstring("starts one process and slurm.ranks is 2"));
    set.slurm.ranks = 1;
    CHECK_NOTHROW(check_slurm(set));
    set.slurm.options = {"--ntasks=2"};
    CHECK_THROWS_WITH(check_slurm(set), ContainsSubstring("set slurm.ranks"));
}

TEST_CASE("the command of a task stands behind slurm.prefix") {
    const test::BatchScript script("echo $SOME >../ran\n", "{prefix: env SOME=thing}");
    CHECK(script.run() == 0);
    CHECK(test::text_of(script.file("ran")) == "thing\n");
}

TEST_CASE("time limits are read as sbatch reads them") {
    CHECK(slurm_seconds("90") == 5400);
    CHECK(slurm_seconds("1:30") == 90);
    CHECK(slurm_seconds("1:30:00") == 5400);
    CHECK(slurm_seconds("2-12") == 216'000);
    CHECK(slurm_seconds("2-12:30") == 217'800);
    CHECK(slurm_seconds("2-12:30:10") == 217'810);
    for (const char* text :
         {"9223372036854775807-1:1:1", "UNLIMITED", "", "1:2:3:4", "x-1", "1:x"}) {
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
    const test::BatchScript script(test::interruptible("layer.a.safetensors"));
    CHECK(script.run("TERM") == 75);
    CHECK_FALSE(fs::exists(script.file("requeued")));
    CHECK(script.outcome()->exit_code == 75);
}

TEST_CASE("a task that is cancelled after its warning stays so, one at its time limit goes on") {
    struct End {
        std::string job;
        bool requeued;
    };
    const auto end = GENERATE(End{"JobState=COMPLETING Reason=None Dependency=(null)", false},
                              End{"JobState=COMPLETING Reason=TimeLimit Dependency=(null)", true},
                              // Preempted, with time to end in.
                              End{"JobState=RUNNING Reason=None Dependency=(null)", true});
    const test::BatchScript script(
        "trap 'warned=1' USR1\ntrap 'stop=1' TERM\n"
        "kill -s USR1 $PPID\nwhile [ -z \"$warned\" ]; do sleep 0.02; done\n"
        "kill -s TERM $PPID\nwhile [ -z \"$stop\" ]; do sleep 0.02; done\n"
        "mkdir -p $point.h5.parts; touch $point.h5.parts/layer.a.safetensors\nexit 75\n");
    std::ofstream(script.file("job")) << "JobId=7 ArrayJobId=7\n   " << end.job << "\n";
    CHECK(script.run() == (end.requeued ? 0 : 75));
    CHECK(fs::exists(script.file("requeued")) == end.requeued);
    CHECK(script.outcome().has_value() == !end.requeued);
}

TEST_CASE("arrays are split at Slurm's limit") {
    const std::vector<std::size_t> chosen{3, 4, 5, 6, 8};
    const test::SweepFolder folder;
    PointSet set = folder.open("grid: {seed: [0]}\n");
    const auto arrays = slurm_arrays(set, chosen, 2);
    REQUIRE(arrays.size() == 3);
    CHECK(arrays[1] == std::vector<std::size_t>{5, 6});
    CHECK(arrays[2] == std::vector<std::size_t>{8});
    CHECK(slurm_arrays(set, {}, 2).empty());
    set.slurm.points_per_task = 2;
    CHECK(slurm_arrays(set, chosen, 2).size() == 2);
    CHECK(tasks_of(set, 5) == 3);
    CHECK(tasks_of(set, 5, SlurmWork::shared) == 5);
}
