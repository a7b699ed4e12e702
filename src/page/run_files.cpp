#include "page/run_files.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "core/errors.hpp"
#include "core/paths.hpp"
#include "points/point_status.hpp"
#include "results/run_file.hpp"
#include "storage/file_lock.hpp"
#include "sweep/sweep_spec.hpp"

namespace comq {

namespace fs = std::filesystem;

namespace {

constexpr const char* parts_ending = ".parts";

/** With the values as they are stored where this version can't resolve the config of a later one.
 */
ResultFile read_any_result(const fs::path& file) {
    try {
        return read_result(file);
    } catch (const InputError&) {
        ResultFile result;
        result.path = file;
        result.run = read_run_file(file, ReadScope::summary);
        result.values = config_values(result.run.config, file.string());
        return result;
    }
}

class RunSearch {
  public:
    void add(const std::string& argument) {
        std::error_code unknown;
        if (fs::is_directory(argument, unknown)) {
            add_folder(argument);
        } else if (fs::path(argument).extension() == ".yaml") {
            add_sweep(argument);
        } else {
            require_file(argument);
            keep(read_any_result(argument));
        }
    }

    FoundRuns take() { return std::move(found_); }

  private:
    void keep(ResultFile file) {
        std::error_code unknown;
        if (seen_.insert(fs::weakly_canonical(file.path, unknown)).second) {
            found_.finished.push_back(std::move(file));
        }
    }

    void keep(ResultFolder results) {
        for (const std::string& warning : results.warnings) spdlog::warn("{}", warning);
        for (ResultFile& file : results.files) keep(std::move(file));
    }

    void add_folder(const fs::path& folder) {
        keep(find_results({folder}, Unreadable::pass_over));
        std::error_code unknown;
        for (fs::recursive_directory_iterator entry(folder, unknown), end; !unknown && entry != end;
             entry.increment(unknown)) {
            if (entry->path().extension() != parts_ending) continue;
            fs::path result = entry->path();
            result.replace_extension();
            const auto holder = lock_holder(result);
            found_.unfinished.push_back(
                {result.stem().string(),
                 std::string(name_of(holder ? PointState::running : PointState::interrupted)),
                 holder.value_or("")});
        }
    }

    void add_sweep(const fs::path& file) {
        const PointSet sweep = open_sweep(file, {});
        const std::vector<PointStatus> statuses = status_of(sweep);
        for (std::size_t i = 0; i < statuses.size(); ++i) {
            const PointStatus& status = statuses[i];
            if (status.state == PointState::repeated) continue;
            if (status.state == PointState::finished) {
                ResultFolder results;
                add_results({sweep.points[i].result()}, Unreadable::pass_over, results);
                keep(std::move(results));
                continue;
            }
            found_.unfinished.push_back(
                {sweep.points[i].label, std::string(name_of(status.state)), status.detail});
        }
    }

    std::set<fs::path> seen_;
    FoundRuns found_;
};

}  // namespace

FoundRuns find_runs(const std::vector<std::string>& arguments) {
    RunSearch search;
    for (const std::string& argument : arguments) search.add(argument);
    FoundRuns found = search.take();
    if (found.finished.empty()) {
        throw UsageError("{}: no finished run there{}", arguments.front(),
                         found.unfinished.empty() ? "" : " yet; sweep_status shows what it is at");
    }
    return found;
}

}  // namespace comq
