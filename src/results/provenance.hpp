#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace comq {

/** Where a result comes from. Text that could not be found out is empty. */
struct Provenance {
    std::string build_commit;     ///< that the program was built from (core/version.hpp)
    std::string git_commit;       ///< of the source tree now; empty outside a git checkout
    bool git_dirty = false;       ///< the tree differed from that commit
    std::string git_diff_sha256;  ///< of `git status` and `git diff HEAD`, when dirty
    std::string comq_version;
    std::string libtorch_version;  ///< set by the caller: this room knows no LibTorch
    std::string hdf5_version;
    std::string opencv_version;  ///< set by the caller
    std::string compiler;
    std::string cpu_model;
    std::string instruction_set;  ///< vector extensions of the CPU ("x86_64: avx2 fma avx512f")
    std::string device = "cpu";   ///< "cpu" or "cuda:0 (name)"; set by the caller
    int64_t threads = 0;
    std::string hostname;
    std::string started_utc;   ///< "2026-01-31T12:00:00Z"
    std::string finished_utc;  ///< set by the caller at the end
    std::string command_line;
    uint64_t seed = 0;                 ///< set by the caller, like the three below
    std::string checkpoint;            ///< file name
    std::string checkpoint_sha256;     ///< of the file
    std::string program_sha256;        ///< of a program whose weights are in a file of their own
    std::string evaluation_images;     ///< digest of their ids and content
    std::string preprocessing;         ///< what is done to every image
    std::string preprocessing_origin;  ///< who says so
    std::string position_embedding;    ///< how it was interpolated; empty: it was not
    std::string layer_norm_eps;        ///< that a file beside the weights said; empty: the family's
};

/** Calls `visit(name, value)` for every field: the list by which they are written and printed. */
template <typename ProvenanceType, typename Visitor>
void visit_fields(ProvenanceType& provenance, Visitor&& visit) {
    visit("build_commit", provenance.build_commit);
    visit("git_commit", provenance.git_commit);
    visit("git_dirty", provenance.git_dirty);
    visit("git_diff_sha256", provenance.git_diff_sha256);
    visit("comq_version", provenance.comq_version);
    visit("libtorch_version", provenance.libtorch_version);
    visit("hdf5_version", provenance.hdf5_version);
    visit("opencv_version", provenance.opencv_version);
    visit("compiler", provenance.compiler);
    visit("cpu_model", provenance.cpu_model);
    visit("instruction_set", provenance.instruction_set);
    visit("device", provenance.device);
    visit("threads", provenance.threads);
    visit("hostname", provenance.hostname);
    visit("started_utc", provenance.started_utc);
    visit("finished_utc", provenance.finished_utc);
    visit("command_line", provenance.command_line);
    visit("seed", provenance.seed);
    visit("checkpoint", provenance.checkpoint);
    visit("checkpoint_sha256", provenance.checkpoint_sha256);
    visit("program_sha256", provenance.program_sha256);
    visit("evaluation_images", provenance.evaluation_images);
    visit("preprocessing", provenance.preprocessing);
    visit("preprocessing_origin", provenance.preprocessing_origin);
    visit("position_embedding", provenance.position_embedding);
    visit("layer_norm_eps", provenance.layer_norm_eps);
}

/** State of a source tree as git sees it. */
struct SourceState {
    std::string commit;
    bool dirty = false;
    std::string diff_sha256;
};

/**
 * Asks `git` about `folder`. Everything is empty when git is missing or `folder` is not the root
 * of a checkout (an unpacked archive inside somebody else's repository is not).
 */
SourceState source_state(const std::filesystem::path& folder);

/** What this process can find out itself, now as the start; `arguments` are those of main. */
Provenance collect_provenance(std::span<const char* const> arguments);

/** Now, as "2026-01-31T12:00:00Z". */
std::string utc_now();

}  // namespace comq
