#include "experiment/same_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/errors.hpp"
#include "core/simd.hpp"
#include "experiment_config/config_text.hpp"
#include "storage/file_lock.hpp"

namespace comq {

namespace {

using nlohmann::json;

/** The identity, with what else has to be the same on all ranks among its content. */
RunIdentity identity_of_rank(RunIdentity identity, const ResourcesConfig& resources) {
    identity.content["build of comq"] = identity.program;
    identity.content["instruction set"] = fmt::format("{}", static_cast<int>(fastest_vector_unit));
    identity.content["resources.memory"] = fmt::format("{}", resources.memory_bytes);
    return identity;
}

}  // namespace

void check_same_run(Communicator& ranks, const RunIdentity& identity,
                    const ResourcesConfig& resources) {
    if (ranks.size() == 1) return;
    const RunIdentity mine = identity_of_rank(identity, resources);
    const json of_root = json::parse(
        ranks.broadcast(json{{"config", mine.config}, {"content", mine.content}}.dump()));
    const auto differing =
        differences(mine, {{}, of_root.at("config"), of_root.at("content"), {}}, differing_keys);
    const std::string said = ranks.first_text(
        differing.empty() ? ""
                          : fmt::format("rank {} ({}) differs from rank 0 in {}", ranks.rank(),
                                        this_process(), fmt::join(differing, ", ")));
    if (said.empty()) return;
    // The root ends all ranks once it has said why.
    if (!ranks.root()) ranks.wait_for_all();
    throw UsageError("{}; the ranks of a run need the same config, files, build and type of CPU",
                     said);
}

}  // namespace comq
