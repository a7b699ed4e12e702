#include "sweep/sbatch.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "config/value_types.hpp"
#include "core/child_process.hpp"

namespace comq {

namespace {

// sbatch takes these before what a script says. A last job has counted its own restarts.
constexpr const char* sbatch_program =
    "env -u SBATCH_ARRAY_INX -u SBATCH_OUTPUT -u SBATCH_ERROR -u SBATCH_OPEN_MODE "
    "-u SBATCH_SIGNAL -u SBATCH_REQUEUE -u SBATCH_NO_REQUEUE -u SLURM_RESTART_COUNT "
    "sbatch --parsable";

}  // namespace

SbatchAnswer run_sbatch(const std::string& arguments) {
    const auto result = run_shell(fmt::format("{} {} 2>&1", sbatch_program, arguments));
    SbatchAnswer answer{.job = {}, .exit_code = result.exit_code, .words = result.output};
    answer.words.resize(answer.words.find_last_not_of('\n') + 1);
    const std::string id = answer.words.substr(answer.words.rfind('\n') + 1);
    const std::string job = id.substr(0, id.find(';'));  // a cluster's name may follow
    if (result.exit_code == 0 && parse_number<int64_t>(job)) answer.job = job;
    return answer;
}

}  // namespace comq
