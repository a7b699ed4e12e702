#include "results/provenance.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hdf5.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "core/child_process.hpp"
#include "core/hash.hpp"
#include "core/paths.hpp"
#include "core/threads.hpp"
#include "core/version.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** Output of `git arguments` in `folder`, or none when it fails. */
std::optional<std::string> git(const fs::path& folder, std::string_view arguments) {
    auto result = run_shell(fmt::format("git --no-optional-locks -C {} {} 2>/dev/null",
                                        shell_quoted(folder.string()), arguments));
    if (result.exit_code != 0) return std::nullopt;
    return std::move(result.output);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/** Value of the first line "key<tab>: value" of /proc/cpuinfo. */
std::string cpuinfo(std::string_view key) {
    std::ifstream stream("/proc/cpuinfo");
    for (std::string line; std::getline(stream, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos || !line.starts_with(key)) continue;
        if (line.find_first_not_of(" \t", key.size()) != colon) continue;
        const auto value = line.find_first_not_of(" \t", colon + 1);
        return value == std::string::npos ? std::string() : line.substr(value);
    }
    return {};
}

std::string instruction_set(const std::string& machine) {
    constexpr std::array<std::string_view, 20> vector_extensions{
        "sse4_2",   "avx",      "avx2",        "fma",         "f16c",        "avx512f",  "avx512bw",
        "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8",
        "amx_bf16", "asimd",    "bf16",        "i8mm",        "sve",         "sve2"};
    std::string flags = cpuinfo("flags");
    if (flags.empty()) flags = cpuinfo("Features");  // the spelling of ARM kernels
    std::istringstream words(flags);
    std::vector<std::string> found;
    for (std::string word; words >> word;) {
        if (std::find(vector_extensions.begin(), vector_extensions.end(), word) !=
            vector_extensions.end()) {
            found.push_back(word);
        }
    }
    return fmt::format("{}: {}", machine, fmt::join(found, " "));
}

std::string compiler() {
#if defined(__clang__)
    return "Clang " __clang_version__;
#else
    return "GCC " __VERSION__;
#endif
}

std::string hdf5_version() {
    unsigned int major = 0;
    unsigned int minor = 0;
    unsigned int release = 0;
    H5get_libversion(&major, &minor, &release);
    return fmt::format("{}.{}.{}", major, minor, release);
}

}  // namespace

SourceState source_state(const fs::path& folder) {
    std::error_code error;
    const auto root = git(folder, "rev-parse --show-toplevel");
    if (!root || !fs::equivalent(first_line(*root), folder, error)) return {};
    const auto commit = git(folder, "rev-parse HEAD");
    const auto status = git(folder, "status --porcelain");
    const auto diff = git(folder, "diff --binary HEAD");
    if (!commit || !status || !diff) return {};
    SourceState state;
    state.commit = first_line(*commit);
    state.dirty = !status->empty();
    if (state.dirty) state.diff_sha256 = sha256_hex(*status + *diff);
    return state;
}

Provenance collect_provenance(std::span<const char* const> arguments) {
    Provenance provenance;
    const SourceState source = source_state(source_folder());
    provenance.build_commit = build_commit();
    provenance.git_commit = source.commit;
    provenance.git_dirty = source.dirty;
    provenance.git_diff_sha256 = source.diff_sha256;
    provenance.comq_version = version();
    provenance.hdf5_version = hdf5_version();
    provenance.compiler = compiler();
    provenance.cpu_model = cpuinfo("model name");
    provenance.threads = thread_count();
    utsname system{};
    if (uname(&system) == 0) {
        provenance.hostname = system.nodename;
        provenance.instruction_set = instruction_set(system.machine);
    }
    provenance.started_utc = utc_now();
    std::vector<std::string> words;
    for (const char* argument : arguments) words.push_back(shell_quoted(argument));
    provenance.command_line = fmt::format("{}", fmt::join(words, " "));
    return provenance;
}

std::string utc_now() {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

}  // namespace comq
