#include "points/result_files.hpp"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/hash.hpp"
#include "core/input_file.hpp"
#include "experiment_config/config_text.hpp"
#include "experiment_config/load_config.hpp"
#include "results/run_file.hpp"
#include "storage/hdf5.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

/** By its first bytes; a damaged file is still one by its name. */
bool looks_like_result(const fs::path& file) {
    if (file.extension() == ".h5" || file.extension() == ".hdf5") return true;
    return text_if_readable(file, 0, hdf5_signature.size()) == hdf5_signature;
}

/** Other files may be HDF5, too; what can't be opened is left to the reader of runs. */
bool holds_something_else(const fs::path& file) {
    try {
        return !Hdf5File::open_for_reading(file).root().has_attribute("identity");
    } catch (const Error&) {
        return false;
    }
}

/** What AtomicFile has not renamed yet; a run that was killed may have left it for ever. */
bool is_temporary(const fs::path& file) {
    const std::string name = file.filename().string();
    return name.starts_with('.') && name.ends_with(".tmp");
}

/** Refuses what can't be read, which `what` names, or warns of it; `kind`: "file" or "folder". */
void refuse_or_warn(Unreadable unreadable, ResultFolder& found, const std::string& what,
                    const char* remedy, const char* kind) {
    if (unreadable == Unreadable::refuse) {
        throw InputError("{}; {}, or pass such {}s over with --skip-unreadable", what, remedy,
                         kind);
    }
    found.warnings.push_back(fmt::format("passed over: {}", what));
}

/** Collects the files in folders and below them, links followed, that may be results. */
class Search {
  public:
    Search(Unreadable unreadable, ResultFolder& found) : unreadable_(unreadable), found_(found) {}

    void enter(const fs::path& folder) {
        std::error_code error;
        if (!is_new(folder, error)) return report(folder, error);
        std::set<fs::path> entries;  // in order: it decides by which of two names a file goes
        for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
             entry.increment(error)) {
            entries.insert(entry->path());
        }
        report(folder, error);
        for (const fs::path& entry : entries) visit(entry);
    }
    const std::set<fs::path>& files() const { return files_; }

  private:
    void visit(const fs::path& entry) {
        std::error_code error;
        const fs::file_status status = fs::status(entry, error);
        if (fs::is_directory(status)) {
            // Parts are of a run that has not finished.
            if (entry.extension() != ".parts") enter(entry);
        } else if (fs::is_regular_file(status)) {
            if (is_temporary(entry) || !looks_like_result(entry)) return;
            if (is_new(entry, error)) files_.insert(entry);
        } else {
            report(entry, error);
        }
    }

    /** False for what was seen under another name: a link may lead back to where it lies. */
    bool is_new(const fs::path& path, std::error_code& error) {
        const fs::path place = fs::canonical(path, error);
        return !error && seen_.insert(place).second;
    }

    /** What is not there, or no longer, holds nothing. */
    void report(const fs::path& path, const std::error_code& error) const {
        if (!error || error == std::errc::no_such_file_or_directory) return;
        refuse_or_warn(
            unreadable_, found_,
            fmt::format("{}: can't be searched for results: {}", path.string(), error.message()),
            "make it readable or move it away", "folder");
    }

    Unreadable unreadable_;
    ResultFolder& found_;
    std::set<fs::path> files_;
    std::set<fs::path> seen_;
};

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
}

void drop_images(Evaluations& of) {
    drop_images(of.full_precision);
    drop_images(of.quantized);
}

/** Keys that this version added have their default. */
ConfigValues values_of(const RunRecord& run, const fs::path& file) {
    return resolved_values(load_stored_config(run.config, file.string()));
}

/** A file that is gone or holds something else has neither. */
struct ReadAttempt {
    std::optional<ResultFile> result = {};
    std::string problem = {};
};

ReadAttempt try_to_read(const fs::path& file) {
    try {
        return {.result = read_result(file)};
    } catch (const Error& error) {
        std::error_code unknown;
        const bool is_gone = !fs::exists(file, unknown) && !unknown;
        if (is_gone || holds_something_else(file)) return {};
        return {.problem = error.what()};
    }
}

}  // namespace

std::string ResultFile::value(const std::string& key) const {
    const auto found = values.find(key);
    return found == values.end() ? std::string() : found->second;
}

std::string ResultFile::images_of(const std::string& set) const {
    if (set.empty()) return evaluation_images;
    const auto found = std::ranges::find(run.sets, set, &SetRecord::name);
    return found == run.sets.end() ? std::string() : found->images;
}

ResultFile read_result(const fs::path& file) {
    ResultFile result;
    result.path = file;
    result.run = read_run_file(file, ReadScope::figures);
    result.values = values_of(result.run, file);
    if (const auto& evaluation = result.run.full_precision) {
        result.evaluation_images = digest_of(evaluation->image, evaluation->label);
    }
    result.calibration_images = digest_of(result.run.calibration_images, {});
    result.run.calibration_images = {};
    drop_images(result.run);
    for (SetRecord& set : result.run.sets) drop_images(set);
    return result;
}

void add_results(const std::set<fs::path>& files, Unreadable unreadable, ResultFolder& found) {
    const std::vector<fs::path> in_order(files.begin(), files.end());
    std::vector<ReadAttempt> attempts(in_order.size());
    tbb::parallel_for(std::size_t{0}, in_order.size(),
                      [&](std::size_t i) { attempts[i] = try_to_read(in_order[i]); });
    for (ReadAttempt& attempt : attempts) {
        if (attempt.result) {
            found.files.push_back(std::move(*attempt.result));
        } else if (!attempt.problem.empty()) {
            refuse_or_warn(unreadable, found, attempt.problem,
                           "move the file away and run it again", "file");
        }
    }
}

ResultFolder find_results(const std::vector<fs::path>& folders, Unreadable unreadable) {
    ResultFolder found;
    Search search(unreadable, found);
    for (const fs::path& folder : folders) search.enter(folder);
    add_results(search.files(), unreadable, found);
    return found;
}

}  // namespace comq
