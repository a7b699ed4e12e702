#include "table/result_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "config/config_text.hpp"
#include "config/load_config.hpp"
#include "core/errors.hpp"
#include "core/hash.hpp"
#include "report/config_values.hpp"
#include "results/run_file.hpp"
#include "storage/hdf5.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** By its first bytes; a damaged file is still one by its name. */
bool looks_like_result(const fs::path& file) {
    if (file.extension() == ".h5" || file.extension() == ".hdf5") return true;
    constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
    std::array<char, signature.size()> bytes{};
    std::ifstream stream(file, std::ios::binary);
    stream.read(bytes.data(), bytes.size());
    return stream.gcount() == static_cast<std::streamsize>(bytes.size()) &&
           std::string_view(bytes.data(), bytes.size()) == signature;
}

/** Other files may be HDF5, too; what can't be opened is left to the reader of runs. */
bool holds_something_else(const fs::path& file) {
    try {
        return !Hdf5File::open_for_reading(file).root().has_attribute("identity");
    } catch (const Error&) {
        return false;
    }
}

std::set<fs::path> candidates_in(const std::vector<fs::path>& folders) {
    std::set<fs::path> files;
    for (const fs::path& folder : folders) {
        std::error_code error;
        for (fs::recursive_directory_iterator
                 entry(folder, fs::directory_options::skip_permission_denied, error),
             end;
             !error && entry != end; entry.increment(error)) {
            if (entry->is_directory(error) && entry->path().extension() == ".parts") {
                entry.disable_recursion_pending();  // of a run that has not finished
            } else if (entry->is_regular_file(error) && looks_like_result(entry->path())) {
                files.insert(entry->path());
            }
        }
    }
    return files;
}

std::string digest_of(const std::vector<std::string>& ids, const std::vector<int64_t>& labels) {
    Sha256 hash;
    for (const std::string& id : ids) hash.update(id).update(std::string_view("\0", 1));
    for (const int64_t label : labels) hash.update(fmt::format("{},", label));
    return hash.hex_digest();
}

void drop_images(std::optional<EvaluationRecord>& evaluation) {
    if (!evaluation) return;
    evaluation->image = {};
    evaluation->label = {};
    evaluation->prediction = {};
    evaluation->in_top5 = {};
}

/** Keys that this version added have their default. */
std::map<std::string, std::string> resolved_values(const RunRecord& run, const fs::path& file) {
    try {
        const auto loaded = load_config_text(run.config, file.string());
        return config_values(resolved_text(loaded.config), file.string());
    } catch (const UsageError& error) {
        const std::string lines = error.what();
        throw InputError("{} (the config that the run stored; a later version wrote it?)",
                         lines.substr(0, lines.find('\n')));
    }
}

}  // namespace

ResultFile read_result(const fs::path& file) {
    ResultFile result;
    result.path = file;
    result.run = read_run_file(file, ReadScope::summary);
    result.values = resolved_values(result.run, file);
    if (const auto& evaluation = result.run.full_precision) {
        result.evaluation_images = digest_of(evaluation->image, evaluation->label);
    }
    result.calibration_images = digest_of(result.run.calibration_images, {});
    result.run.calibration_images = {};
    drop_images(result.run.full_precision);
    drop_images(result.run.quantized);
    return result;
}

ResultFolder find_results(const std::vector<fs::path>& folders, Unreadable unreadable) {
    ResultFolder found;
    for (const fs::path& file : candidates_in(folders)) {
        if (holds_something_else(file)) continue;
        try {
            found.files.push_back(read_result(file));
        } catch (const InputError& error) {
            if (unreadable == Unreadable::refuse) {
                throw InputError(
                    "{}; move the file away and run it again, or pass such files over with "
                    "--skip-unreadable",
                    error.what());
            }
            found.warnings.push_back(fmt::format("passed over: {}", error.what()));
        }
    }
    return found;
}

}  // namespace comq
