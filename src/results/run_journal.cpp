#include "results/run_journal.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>
#include <utility>

#include "core/check.hpp"
#include "core/errors.hpp"
#include "core/input_file.hpp"
#include "core/paths.hpp"
#include "storage/atomic_file.hpp"

namespace comq {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* header_name = "run.json";
constexpr const char* header_format = "comq journal 2";
constexpr const char* either_restart = "--restart (points of a sweep: with restart_elsewhere=true)";
constexpr std::string_view layer_prefix = "layer.";
constexpr std::string_view predictions_prefix = "predictions.";
constexpr std::string_view part_suffix = ".safetensors";

constexpr std::pair<TensorSet, const char*> set_files[] = {
    {TensorSet::parameters, "parameters"}, {TensorSet::input_ranges, "input_ranges"},
    {TensorSet::rotations, "rotations"},   {TensorSet::sensitivities, "sensitivities"},
    {TensorSet::tuning, "tuning"},         {TensorSet::bit_errors, "bit_errors"}};

/** "parameters.safetensors", the name of its part. */
std::string file_name(TensorSet wanted) {
    const auto found =
        std::ranges::find(set_files, wanted, [](const auto& entry) { return entry.first; });
    return std::string(found->second).append(part_suffix);
}

/** The record of its part. */
std::string record_of(TensorSet set) { return json{{"part", file_name(set)}}.dump(); }

std::string file_name(const LayerRecord& layer) {
    return fmt::format("{}{}{}", layer_prefix, layer.name, part_suffix);
}

std::string file_name(const FinishedPredictions& finished) {
    const auto& images = finished.predictions.image;
    return fmt::format("{}{}.{:09}{}", predictions_prefix, finished.network,
                       *std::min_element(images.begin(), images.end()), part_suffix);
}

std::optional<TensorSet> set_named(const std::string& file) {
    for (const auto& [set, name] : set_files) {
        if (file == file_name(set)) return set;
    }
    return std::nullopt;
}

bool is_part(const fs::path& file) {
    const std::string name = file.filename().string();
    return name.ends_with(part_suffix) && (name.starts_with(layer_prefix) ||
                                           name.starts_with(predictions_prefix) || set_named(name));
}

std::vector<fs::path> parts_in(const fs::path& folder) {
    std::vector<fs::path> parts;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (is_part(entry.path())) parts.push_back(entry.path());
    }
    std::sort(parts.begin(), parts.end());
    return parts;
}

/** A killed process leaves the temporary file of what it was writing (AtomicFile). */
void remove_temporaries(const fs::path& folder, const std::string& of_file = {}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with('.' + of_file) && name.ends_with(".tmp")) fs::remove(entry.path());
    }
}

void write_header(const fs::path& file, const RunIdentity& identity) {
    const json header{{"format", header_format},
                      {"identity", identity.digest},
                      {"config", identity.config},
                      {"content", identity.content},
                      {"program", identity.program}};
    write_text_atomically(file, header.dump(2) + "\n");
}

RunIdentity read_header(const fs::path& file) {
    try {
        const json header = json::parse(read_text(file));
        if (header.at("format") == header_format) {
            return {header.at("identity"), header.at("config"), header.at("content"),
                    header.at("program")};
        }
    } catch (const std::exception&) {
        // Whatever a library says of it tells nobody what to do.
    }
    throw InputError(
        "{}: is damaged or of another comq, so nothing tells which run the parts beside it belong "
        "to; start over with --restart",
        file.string());
}

/** Image index ascending, each once. */
Predictions sorted(const Predictions& all) {
    if (std::ranges::is_sorted(all.image, std::less_equal<>())) return all;
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return all.image[a] < all.image[b]; });
    Predictions result;
    for (const std::size_t i : order) {
        if (!result.image.empty() && result.image.back() == all.image[i]) continue;
        append_image(result, all, i);
    }
    return result;
}

}  // namespace

std::vector<std::string> differences(const RunIdentity& here, const RunIdentity& there,
                                     const DifferingKeys& differing_keys) {
    std::vector<std::string> names = differing_keys(here.config, there.config);
    for (const auto& [name, hash] : here.content) {
        const auto other = there.content.find(name);
        if (other == there.content.end() || other->second != hash) names.push_back(name);
    }
    for (const auto& [name, hash] : there.content) {
        if (!here.content.contains(name)) names.push_back(name);
    }
    return names;
}

fs::path RunJournal::folder_of(const fs::path& result_file) {
    return result_file.string() + ".parts";
}

RunJournal::RunJournal(const fs::path& result_file) : folder_(folder_of(result_file)) {}

std::unique_ptr<RunJournal> RunJournal::join(const fs::path& result_file,
                                             const RunIdentity& identity) {
    std::unique_ptr<RunJournal> journal(new RunJournal(result_file));
    const fs::path header = journal->folder_ / header_name;
    if (!fs::exists(header) || read_header(header).digest != identity.digest) {
        throw UsageError(
            "{}: one of the ranks does not see this folder, which another has made; name a file in "
            "a folder that all of them share with --output",
            fs::absolute(journal->folder_).string());
    }
    journal->read_parts();
    return journal;
}

RunJournal::RunJournal(const fs::path& result_file, const RunIdentity& identity, Leftover leftover,
                       const DifferingKeys& differing_keys)
    : folder_(folder_of(result_file)) {
    create_folder(result_file.parent_path());
    lock_ = std::make_unique<FileLock>(result_file);
    create_folder(folder_);
    remove_temporaries(fs::absolute(folder_).parent_path(), result_file.filename().string() + '.');
    open(identity, leftover, differing_keys);
}

void RunJournal::open(const RunIdentity& identity, Leftover leftover,
                      const DifferingKeys& differing_keys) {
    const fs::path header = folder_ / header_name;
    remove_temporaries(folder_);
    if (!fs::exists(header) && parts_in(folder_).empty() && !fs::is_empty(folder_)) {
        throw UsageError(
            "{}: holds files that are no run's, and would be deleted with those of this one (move "
            "them away, or choose another output)",
            folder_.string());
    }
    if (leftover == Leftover::restart) {
        for (const fs::path& part : parts_in(folder_)) fs::remove(part);
    }
    if (parts_in(folder_).empty()) {
        write_header(header, identity);
        return;
    }
    if (leftover == Leftover::refuse) {
        throw UsageError(
            "{}: holds the finished work of an interrupted run; continue it with --resume or "
            "delete it with --restart",
            folder_.string());
    }
    const RunIdentity stored = read_header(header);
    const auto names = stored.digest == identity.digest
                           ? std::vector<std::string>{}
                           : differences(identity, stored, differing_keys);
    const bool elsewhere = names.empty() ? stored.program != identity.program
                                         : names == std::vector<std::string>{machine_content};
    if (leftover == Leftover::resume_or_restart && elsewhere) {
        spdlog::warn("{}: was begun {}, so it starts over", folder_.string(),
                     names.empty() ? "by another build of comq (commit " + stored.program + ")"
                                   : "with another LibTorch or on another type of CPU");
        for (const fs::path& part : parts_in(folder_)) fs::remove(part);
        write_header(header, identity);
        return;
    }
    if (stored.digest != identity.digest) {
        throw UsageError(
            "{}: is the work of another run, which differs in {}; restore that, choose another "
            "output.file, or start over with {}",
            folder_.string(), fmt::join(names, ", "), elsewhere ? either_restart : "--restart");
    }
    if (stored.program != identity.program) {
        throw UsageError(
            "{}: was computed by another build of comq (commit {}, this is {}), whose numbers may "
            "differ; continue with that one, or start over with {}",
            folder_.string(), stored.program, identity.program, either_restart);
    }
    read_parts();
}

void RunJournal::refresh() {
    const std::scoped_lock guard(mutex_);
    layers_.clear();
    predictions_.clear();
    read_parts();
}

void RunJournal::exchange(Communicator& ranks) {
    if (ranks.size() == 1) return;
    ranks.wait_for_all();
    refresh();
}

void RunJournal::read_parts() {
    for (const fs::path& file : parts_in(folder_)) {
        try {
            take_part(file);
        } catch (const InputError& error) {
            spdlog::warn("{}; it is computed again", error.what());
            fs::remove(file);
        }
    }
}

void RunJournal::take_part(const fs::path& file) {
    const std::string name = file.filename().string();
    JournalPart part = read_journal_part(file);
    const auto require_own = [&](bool own) {
        if (!own) throw InputError("{}: holds what belongs into another file", file.string());
    };
    if (const auto set = set_named(name)) {
        require_own(part.record == record_of(*set));
        tensors_[*set] = std::move(part.tensors);
    } else if (name.starts_with(layer_prefix)) {
        const LayerRecord layer = layer_from(part, file);
        require_own(name == file_name(layer));
        layers_[layer.name] = file;
    } else {
        const FinishedPredictions finished = predictions_from(part, file);
        require_own(finished.predictions.size() > 0 && name == file_name(finished));
        add_block(finished, file);
    }
}

void RunJournal::add_block(const FinishedPredictions& finished, const fs::path& file) {
    Blocks& blocks = predictions_[finished.network];
    blocks.files.push_back(file);
    blocks.images += finished.predictions.size();
}

void RunJournal::write_part(const fs::path& file, const JournalPart& part) const {
    try {
        write_journal_part(file, part);
    } catch (const Error& error) {
        std::size_t count = 0;
        for (const auto& [network, blocks] : predictions_) count += blocks.images;
        throw Error(error.exit_code(),
                    fmt::format("{}; the {} finished layers and {} predictions in {} are kept, "
                                "--resume continues there",
                                error.what(), layers_.size(), count, folder_.string()));
    }
}

std::vector<std::string> RunJournal::finished_layers() const {
    const std::scoped_lock guard(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, file] : layers_) names.push_back(name);
    return names;
}

bool RunJournal::has_layer(const std::string& name) const {
    const std::scoped_lock guard(mutex_);
    return layers_.contains(name);
}

std::optional<LayerRecord> RunJournal::layer(const std::string& name) const {
    const std::scoped_lock guard(mutex_);
    const auto found = layers_.find(name);
    if (found == layers_.end()) return std::nullopt;
    return layer_from(read_journal_part(found->second), found->second);
}

void RunJournal::store_layer(const LayerRecord& layer) {
    const std::string& name = layer.name;
    COMQ_CHECK(!name.empty() && name.find('/') == std::string::npos);
    const fs::path file = folder_ / file_name(layer);
    const std::scoped_lock guard(mutex_);
    write_part(file, to_part(layer));
    layers_[name] = file;
}

std::optional<TensorMap> RunJournal::tensors(TensorSet set) const {
    const std::scoped_lock guard(mutex_);
    const auto found = tensors_.find(set);
    return found == tensors_.end() ? std::nullopt : std::optional(found->second);
}

void RunJournal::store_tensors(TensorSet set, const TensorMap& tensors) {
    const std::scoped_lock guard(mutex_);
    write_part(folder_ / file_name(set), {record_of(set), tensors});
    tensors_[set] = tensors;
}

Predictions RunJournal::predictions(const std::string& network) const {
    const std::scoped_lock guard(mutex_);
    const auto found = predictions_.find(network);
    if (found == predictions_.end()) return {};
    Predictions all;
    for (const fs::path& file : found->second.files) {
        append(all, predictions_from(read_journal_part(file), file).predictions);
    }
    return sorted(all);
}

void RunJournal::store_predictions(const FinishedPredictions& finished) {
    if (finished.predictions.size() == 0) return;
    const fs::path file = folder_ / file_name(finished);
    const std::scoped_lock guard(mutex_);
    write_part(file, to_part(finished));
    add_block(finished, file);
}

void RunJournal::leave_mark(const std::string& name) const {
    std::ofstream(folder_ / name, std::ios::trunc) << this_process() << '\n';
}

void RunJournal::remove() {
    const std::scoped_lock guard(mutex_);
    layers_.clear();
    predictions_.clear();
    tensors_.clear();
    std::error_code error;
    fs::remove_all(folder_, error);
    if (error) spdlog::warn("{}: cannot be deleted: {}", folder_.string(), error.message());
    lock_.reset();
}

}  // namespace comq
