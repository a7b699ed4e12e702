#include "sweep/child_process.hpp"

#include <cstdlib>
#include <thread>

#include "support/assets.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"

using namespace comq;

TEST_CASE("a point's process learns nothing of ranks that its launcher is one of") {
    CHECK(announces_ranks("PMIX_RANK=1"));
    CHECK(announces_ranks("PMI_SIZE=2"));
    CHECK(announces_ranks("OMPI_COMM_WORLD_SIZE=2"));
    CHECK(announces_ranks("SLURM_STEP_ID=0"));
    CHECK_FALSE(announces_ranks("SLURM_CONF=/etc/slurm/slurm.conf"));
    CHECK_FALSE(announces_ranks("OMPI_ALLOW_RUN_AS_ROOT=1"));
    CHECK_FALSE(announces_ranks("PATH=/bin"));

    const auto log = test::temporary_folder() / "log";
    ::setenv("PMIX_RANK", "1", 1);
    ::setenv("SLURM_STEP_ID", "0", 1);
    {
        ChildProcess child({"env"}, log);
        while (!child.ended()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ::unsetenv("PMIX_RANK");
    ::unsetenv("SLURM_STEP_ID");
    CHECK_THAT(test::text_of(log), ContainsSubstring("PATH=") && !ContainsSubstring("PMIX_RANK") &&
                                       !ContainsSubstring("SLURM_STEP_ID"));
}
