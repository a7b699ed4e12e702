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
    std::string evaluation_images;     ///< digest of their ids and content
    std::string preprocessing;         ///< what is done to every image
    std::string preprocessing_origin;  ///< who says so
    std::string position_embedding;    ///< how it was interpolated; empty: it was not
};

/**
 * Calls `visit(name, value, description)` for every field: the one list from which they are
 * written, read and printed.
 */
template <typename ProvenanceType, typename Visitor>
void visit_fields(ProvenanceType& provenance, Visitor&& visit) {
    visit("build_commit", provenance.build_commit, "commit that the program was built from");
    visit("git_commit", provenance.git_commit, "commit of the source tree at the start");
    visit("git_dirty", provenance.git_dirty, "the tree differed from that commit");
    visit("git_diff_sha256", provenance.git_diff_sha256, "hash of that difference");
    visit("comq_version", provenance.comq_version, "version of comq");
    visit("libtorch_version", provenance.libtorch_version, "version of LibTorch");
    visit("hdf5_version", provenance.hdf5_version, "version of HDF5");
    visit("opencv_version", provenance.opencv_version, "version of OpenCV");
    visit("compiler", provenance.compiler, "compiler of the program");
    visit("cpu_model", provenance.cpu_model, "processor");
    visit("instruction_set", provenance.instruction_set, "vector extensions of the processor");
    visit("device", provenance.device, "device of the networks");
    visit("threads", provenance.threads, "threads");
    visit("hostname", provenance.hostname, "machine");
    visit("started_utc", provenance.started_utc, "start, ISO 8601");
    visit("finished_utc", provenance.finished_utc, "end, ISO 8601");
    visit("command_line", provenance.command_line, "command");
    visit("seed", provenance.seed, "seed of every random stream");
    visit("checkpoint", provenance.checkpoint, "file name of the weights");
    visit("checkpoint_sha256", provenance.checkpoint_sha256, "SHA-256 of that file");
    visit("evaluation_images", provenance.evaluation_images, "digest of the evaluation images");
    visit("preprocessing", provenance.preprocessing, "what is done to every image");
    visit("preprocessing_origin", provenance.preprocessing_origin, "whose preprocessing that is");
    visit("position_embedding", provenance.position_embedding,
          "how it was interpolated; empty: it was not");
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
