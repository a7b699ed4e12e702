#include <algorithm>
#include <string>

#include "core/child_process.hpp"
#include "support/local_slurm.hpp"

using namespace comq;
namespace fs = std::filesystem;

namespace {

/** run_experiment as two tasks of one step of a real Slurm. */
ShellResult run_by_srun(const test::LocalSlurm& slurm, const std::string& options,
                        const fs::path& result) {
    const std::string config = (test::source_dir() / "configs" / "demo_cnn_4bit.yaml").string();
    return slurm.run("srun " + options + " -n 2 " + COMQ_PROGRAMS + "/run_experiment " +
                     shell_quoted(config) +
                     " calibration.images=20 evaluation.images=20 resources.threads=1 "
                     "resources.cache=null --quiet -o " +
                     shell_quoted(result.string()));
}

}  // namespace

TEST_CASE("srun shares a run through PMIx, and without it one line says what to type") {
    if (!test::LocalSlurm::possible() || !fs::exists(COMQ_MPIRUN)) {
        test::skip("assets", "Slurm (packages slurm-wlm and munge) and an MPI");
        return;
    }
    const test::LocalSlurm slurm;
    const auto folder = test::temporary_folder();
    const auto refused = run_by_srun(slurm, "--mpi=none", folder / "a.h5");
    INFO(refused.output);
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.output, ContainsSubstring("error: srun started this as one of 2 tasks") &&
                                   ContainsSubstring("srun --mpi=pmix"));
    // srun itself reports the exit code.
    CHECK(refused.output.find("error: srun started") ==
          refused.output.rfind("error: srun started"));
    CHECK_FALSE(fs::exists(folder / "a.h5"));

    if (slurm.ask("srun --mpi=list").find("pmix") == std::string::npos) {
        test::skip("assets", "a Slurm with PMIx");
        return;
    }
    const auto shared = run_by_srun(slurm, "--mpi=pmix", folder / "b.h5");
    INFO(shared.output);
    CHECK(shared.exit_code == 0);
    CHECK(fs::exists(folder / "b.h5"));
}
